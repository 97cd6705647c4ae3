package fee

// chargeFor gives the catalogue's key for a line: the rule's own where it has one. One charge of the law can have
// several budget lines, and which of them it is may depend on the case (the kind of tax, the level of a licence tax).
func (c *component) chargeFor(rule *rule) string {
	if rule.charge != "" {
		return rule.charge
	}
	return c.chargeCode
}
