package fee

// OnFile gives the schedules on file, loaded once for all tests.
var OnFile = onFile

// ExampleRequests gives what the examples of all schedules ask.
func (s *Schedules) ExampleRequests() []Request {
	var out []Request
	for _, name := range s.names() {
		for _, e := range s.tariffs[name].examples {
			out = append(out, Request{Service: name, Date: e.On.Date, Inputs: []byte(e.Inputs)})
		}
	}
	return out
}
