package fee

import "fmt"

// OnFile gives the schedules on file, loaded once for all tests.
var OnFile = onFile

// Digests gives those of all versions in a text that is not compiled, each with the days it says.
func Digests(name string, text []byte) (out []string, err error) {
	var anything any
	l, err := read(name, text, true, &anything)
	if err != nil {
		return nil, err
	}
	for _, component := range list(l.plain["components"]) {
		out = append(out, l.digests(component)...)
		written, _ := component.(map[string]any)
		out = append(out, days(written["versions"])...)
	}
	for _, version := range list(l.plain["versions"]) {
		out = append(out, l.digest(l.passage(undated(version))))
	}
	return append(out, days(l.plain["versions"])...), nil
}

func days(versions any) (out []string) {
	for _, one := range list(versions) {
		version, _ := one.(map[string]any)
		out = append(out, fmt.Sprint(version["from"], version["to"]))
	}
	return out
}

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
