package flow

import (
	"slices"
	"strings"
)

// ParameterField begins the name under which a Mask is given the value of a
// parameter: the parameter's name follows.
const ParameterField = ":parameter "

// matched masks what a rule of the WAF matched in. Where a value holds a secret,
// nothing that was made of it or found in it is shown.
func (m Mask) matched(e Event) Event {
	target := e.Attr(KeyTarget)
	if within := e.Attr(KeyWithin); within != "" {
		target = "XML:" + within // XML:/* has no name
	} else if strings.HasPrefix(target, "XML") {
		target = "XML:secret" // what it stands in is not known: it may be one
	}
	shown, secret := map[string]string{}, false
	for _, key := range []string{KeyValue, KeyCompared} {
		value := e.Attr(key)
		shown[key] = m.variable(target, value)
		secret = secret || shown[key] != value
	}
	e.Attrs = slices.Clone(e.Attrs)
	for i := range e.Attrs {
		switch a := &e.Attrs[i]; {
		case a.Key == KeyValue:
			a.Value = shown[KeyValue]
		case a.Key == KeyCompared || a.Key == KeyMatched || a.Key == KeySteps:
			if secret {
				a.Value = m(ParameterField+"secret", a.Value)
			}
		}
	}
	return e
}

// variable masks the value of a variable of the WAF, such as ARGS:q.
func (m Mask) variable(target, value string) string {
	name, key, _ := strings.Cut(target, ":")
	switch name {
	case "REQUEST_HEADERS", "RESPONSE_HEADERS":
		return m(key, value)
	case "REQUEST_COOKIES":
		return strings.TrimPrefix(m("cookie", key+"="+value), key+"=")
	case "REQUEST_URI", "REQUEST_URI_RAW":
		return m(TargetField, value)
	case "REQUEST_LINE":
		return m.line(value)
	case "QUERY_STRING", "REQUEST_BODY":
		return strings.TrimPrefix(m(TargetField, "?"+m.cutFront(value)), "?")
	}
	if key == "" {
		return value
	}
	return m(ParameterField+key, value)
}

// line masks a request line.
func (m Mask) line(value string) string {
	method, rest, _ := strings.Cut(value, " ")
	target, version, _ := strings.Cut(rest, " ")
	return method + " " + m(TargetField, target) + " " + version
}

// cutFront takes away a pair whose name was cut: it may be a secret's.
func (m Mask) cutFront(value string) string {
	const omitted = "…"
	if !strings.HasPrefix(value, omitted) {
		return value
	}
	_, rest, _ := strings.Cut(value, "&")
	return omitted + "&" + rest
}
