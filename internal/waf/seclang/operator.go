package seclang

import (
	"fmt"
	"path"
	"strings"
)

// operator reads an operator without its quotes. Without @NAME it is rx.
func (r *reader) operator(text string) (Operator, error) {
	var o Operator
	text, o.Negated = strings.CutPrefix(text, "!")
	name := "rx"
	if strings.HasPrefix(text, "@") {
		name, text, _ = strings.Cut(text[1:], " ")
		name = strings.TrimSpace(name)
	}
	o.Name, o.Argument = name, strings.TrimSpace(text)
	var err error
	switch name {
	case "beginsWith", "contains", "endsWith", "eq", "ge", "gt", "le", "lt", "streq", "strmatch", "within":
		o.Macro, err = parseMacro(o.Argument)
	case "pm":
		o.Phrases = strings.Split(strings.ToLower(o.Argument), " ")
	case "pmFromFile", "pmf":
		o.Phrases, err = r.list(o.Argument)
		for i, p := range o.Phrases {
			o.Phrases[i] = strings.ToLower(p)
		}
	case "pmFromDataset":
		o.Phrases, err = r.fromDataset(o.Argument)
	case "ipMatch":
		o.Phrases = addresses(o.Argument)
	case "ipMatchFromFile", "ipMatchF":
		var list []string
		list, err = r.list(o.Argument)
		o.Phrases = addresses(strings.Join(list, ","))
	case "ipMatchFromDataset":
		var list []string
		list, err = r.fromDataset(o.Argument)
		o.Phrases = addresses(strings.Join(list, ","))
	case "detectSQLi", "detectXSS", "geoLookup", "inspectFile", "noMatch", "rbl", "restpath", "rx", "unconditionalMatch",
		"validateByteRange", "validateNid", "validateSchema", "validateUrlEncoding", "validateUtf8Encoding":
	default:
		return Operator{}, &Unsupported{"operator", name}
	}
	if err != nil {
		return Operator{}, fmt.Errorf("read the argument of @%s: %w", name, err)
	}
	return o, nil
}

// list is the entries of a file that lies beside the one being read.
func (r *reader) list(name string) ([]string, error) {
	if !path.IsAbs(name) {
		name = path.Join(r.dir, name)
	}
	b, err := r.open(name)
	if err != nil {
		return nil, err
	}
	return entries(string(b)), nil
}

func (r *reader) fromDataset(name string) ([]string, error) {
	list, found := r.datasets[name]
	if !found {
		return nil, fmt.Errorf("there is no SecDataset %q", name)
	}
	return list, nil
}

func addresses(list string) []string {
	var all []string
	for a := range strings.SplitSeq(list, ",") {
		if a = strings.TrimSpace(a); a != "" {
			all = append(all, a)
		}
	}
	return all
}
