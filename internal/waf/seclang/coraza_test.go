package seclang

import (
	"fmt"
	"io/fs"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/types/variables"
)

// oracle has Coraza read sources, and gives its rules as shown gives ours.
func oracle(root fs.FS, sources ...Source) (all []string, err error) {
	defer func() {
		if p := recover(); p != nil {
			all, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	c := coraza.NewWAFConfig().WithRootFS(root)
	for _, s := range sources {
		c = c.WithDirectives(s.text)
	}
	w, err := coraza.NewWAF(c)
	if err != nil {
		return nil, err
	}
	rules := member(member(reflect.ValueOf(w).Field(0), "Rules"), "rules")
	for i := range rules.Len() {
		all = append(all, corazaShown(rules.Index(i)))
	}
	return all, nil
}

// member is a field, exported or not, of what v holds or points at.
func member(v reflect.Value, name string) reflect.Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	f := v.FieldByName(name)
	return reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem()
}

func str(v reflect.Value, name string) string { return member(v, name).String() }
func num(v reflect.Value, name string) int64  { return member(v, name).Int() }
func yes(v reflect.Value, name string) bool   { return member(v, name).Bool() }

// variableName names the kind of a member that is a variable.
func variableName(v reflect.Value, name string) string {
	return member(v, name).Interface().(variables.RuleVariable).Name()
}

// macroText is a macro with its parts; empty for none.
func macroText(v reflect.Value) string {
	if v.IsNil() {
		return ""
	}
	m := Macro{Text: str(v, "original")}
	for t := range member(v, "tokens").Len() {
		token := member(v, "tokens").Index(t)
		p := Part{Text: str(token, "text"), Variable: variableName(token, "variable"), Key: str(token, "key")}
		if p.Variable == "UNKNOWN" {
			p.Variable, p.Key = "", ""
		}
		m.Parts = append(m.Parts, p)
	}
	return fmt.Sprintf("%q", m)
}

// keyText is a key: of an expression its text alone.
func keyText(text string, rx reflect.Value) string {
	if re := rx.Interface().(*regexp.Regexp); re != nil {
		return "/" + re.String() + "/"
	}
	return fmt.Sprintf("%q", text)
}

func ctlName(n int64) string {
	return strings.Fields("- ruleRemoveTargetById ruleRemoveTargetByTag ruleRemoveTargetByMsg auditEngine auditLogParts " +
		"forceRequestBodyVariable requestBodyAccess requestBodyLimit ruleEngine ruleRemoveById ruleRemoveByMsg ruleRemoveByTag " +
		"hashEngine hashEnforcement requestBodyProcessor forceResponseBodyVariable responseBodyProcessor responseBodyAccess " +
		"responseBodyLimit debugLogLevel")[n]
}

func corazaShown(r reflect.Value) string {
	var b strings.Builder
	fmt.Fprintf(&b, "id=%d phase=%d marker=%q", num(r, "ID_"), num(r, "Phase_"), str(r, "SecMark_"))
	for i := range member(r, "variables").Len() {
		v := member(r, "variables").Index(i)
		fmt.Fprintf(&b, "\n  variable %s %s count=%v", variableName(v, "Variable"), keyText(str(v, "KeyStr"), member(v, "KeyRx")), yes(v, "Count"))
		for e := range member(v, "Exceptions").Len() {
			x := member(v, "Exceptions").Index(e)
			b.WriteString(" except " + keyText(str(x, "KeyStr"), member(x, "KeyRx")))
		}
	}
	if op := member(r, "operator"); !op.IsNil() {
		name := strings.TrimPrefix(strings.TrimPrefix(str(op, "Function"), "!"), "@")
		fmt.Fprintf(&b, "\n  operator %s %q negated=%v", name, str(op, "Data"), yes(op, "Negation"))
	}
	for i := range member(r, "transformations").Len() {
		f := member(member(r, "transformations").Index(i), "Function")
		name := runtime.FuncForPC(f.Pointer()).Name()
		name = strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
		if name != "none" {
			fmt.Fprintf(&b, "\n  t %s", strings.NewReplacer("md5t", "md5", "sha1t", "sha1").Replace(name))
		}
	}
	a := corazaActions(r)
	fmt.Fprintf(&b, "\n  does %s %q status=%d skip=%s after=%q", a.disruptive, a.target, num(r, "DisruptiveStatus"), a.skip, a.after)
	fmt.Fprintf(&b, "\n  msg %s logdata %s", macroText(member(r, "Msg")), macroText(member(r, "LogData")))
	fmt.Fprintf(&b, "\n  severity %d tags %q ver %q rev %q maturity %d accuracy %d", num(r, "Severity_"), member(r, "Tags_").Interface(),
		str(r, "Version_"), str(r, "Rev_"), num(r, "Maturity_"), num(r, "Accuracy_"))
	fmt.Fprintf(&b, "\n  capture=%v multimatch=%v log=%v audit=%v chain=%v", yes(r, "Capture"), yes(r, "MultiMatch"), yes(r, "Log"),
		yes(r, "Audit"), yes(r, "HasChain"))
	for _, line := range a.lines {
		b.WriteString("\n  " + line)
	}
	for link := member(r, "Chain"); !link.IsNil(); link = member(link, "Chain") {
		// A link's own links follow it in the list of its head.
		text := corazaShown(withoutChain(link))
		b.WriteString("\n  link " + strings.ReplaceAll(text, "\n", "\n  "))
	}
	return b.String()
}

// withoutChain is a copy of a link that has no links itself.
func withoutChain(link reflect.Value) reflect.Value {
	c := reflect.New(link.Type().Elem())
	c.Elem().Set(link.Elem())
	member(c, "Chain").SetZero()
	return c
}

type shownActions struct {
	disruptive, target, skip, after string
	lines                           []string // setvars, then ctls, then others
}

func corazaActions(r reflect.Value) (a shownActions) {
	a.skip = "0"
	var setvars, ctls, others []string
	for i := range member(r, "actions").Len() {
		action := member(r, "actions").Index(i)
		f := member(action, "Function").Elem().Elem()
		switch name := str(action, "Name"); name {
		case "allow":
			a.disruptive, a.target = name, strings.Fields("- all phase request")[num(f, "allow")]
		case "block", "deny", "drop", "pass":
			a.disruptive, a.target = name, ""
		case "redirect":
			a.disruptive, a.target = name, str(f, "target")
		case "skip":
			a.skip = fmt.Sprint(num(f, "data"))
		case "skipafter":
			a.after = str(f, "data")
		case "setvar":
			setvars = append(setvars, fmt.Sprintf("setvar remove=%v %s %s", yes(f, "isRemove"), macroText(member(f, "key")), macroText(member(f, "value"))))
		case "ctl":
			target := variableName(f, "collection")
			if target == "UNKNOWN" {
				target = ""
			}
			ctls = append(ctls, fmt.Sprintf("ctl %s %q %s %s", ctlName(num(f, "action")), str(f, "value"), target, keyText(str(f, "colKey"), member(f, "colKeyRx"))))
		case "initcol":
			others = append(others, fmt.Sprintf("initcol %q", str(f, "collection")+"="+str(f, "key")))
		case "setenv":
			others = append(others, fmt.Sprintf("setenv %q", str(f, "key")+"="+str(member(f, "value").Elem(), "original")))
		case "expirevar", "exec":
			others = append(others, name)
		}
	}
	a.lines = append(append(setvars, ctls...), others...)
	return a
}

// shown is a rule of ours in the form that corazaShown has.
func shown(u *Rule) string {
	key := func(k Key) string {
		if k.Rx {
			return "/" + k.Text + "/"
		}
		return fmt.Sprintf("%q", k.Text)
	}
	macro := func(m Macro) string {
		if m.Text == "" {
			return ""
		}
		return fmt.Sprintf("%q", m)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "id=%d phase=%d marker=%q", u.ID, u.Phase, u.Marker)
	for _, v := range u.Variables {
		fmt.Fprintf(&b, "\n  variable %s %s count=%v", v.Name, key(v.Key), v.Count)
		for _, e := range v.Except {
			b.WriteString(" except " + key(e))
		}
	}
	if u.Operator.Name != "" {
		fmt.Fprintf(&b, "\n  operator %s %q negated=%v", u.Operator.Name, u.Operator.Argument, u.Operator.Negated)
	}
	for _, t := range u.Transformations {
		fmt.Fprintf(&b, "\n  t %s", strings.ToLower(t))
	}
	target := u.Target
	if u.Disruptive == "allow" && target == "" {
		target = "all"
	}
	fmt.Fprintf(&b, "\n  does %s %q status=%d skip=%d after=%q", u.Disruptive, target, u.Status, u.Skip, u.SkipAfter)
	fmt.Fprintf(&b, "\n  msg %s logdata %s", macro(u.Msg), macro(u.LogData))
	fmt.Fprintf(&b, "\n  severity %d tags %q ver %q rev %q maturity %d accuracy %d", u.Severity, u.Tags, u.Version, u.Revision, u.Maturity, u.Accuracy)
	fmt.Fprintf(&b, "\n  capture=%v multimatch=%v log=%v audit=%v chain=%v", u.Capture, u.MultiMatch, u.Log, u.Audit, u.Chained)
	for _, s := range u.Setvars {
		fmt.Fprintf(&b, "\n  setvar remove=%v %s %s", s.Remove, macro(s.Key), macro(s.Value))
	}
	for _, c := range u.Ctls {
		fmt.Fprintf(&b, "\n  ctl %s %q %s %s", c.Name, c.Value, c.Variable, key(c.Key))
	}
	for _, o := range u.Others {
		if o.Name == "initcol" || o.Name == "setenv" {
			fmt.Fprintf(&b, "\n  %s %q", o.Name, o.Argument)
		} else {
			b.WriteString("\n  " + o.Name)
		}
	}
	for _, link := range u.Chain {
		b.WriteString("\n  link " + strings.ReplaceAll(shown(link), "\n", "\n  "))
	}
	return b.String()
}

// same compares what we read with what Coraza read.
func same(t *testing.T, root fs.FS, sources ...Source) *Set {
	t.Helper()
	want, err := oracle(root, sources...)
	if err != nil {
		t.Fatal("Coraza:", err)
	}
	set, err := Read(root, sources...)
	if err != nil {
		t.Fatal(err)
	}
	for i, u := range set.Rules {
		if i < len(want) && shown(u) != want[i] {
			t.Fatalf("%s, line %d:\n%s\nCoraza:\n%s", u.File, u.Line, shown(u), want[i])
		}
	}
	if len(set.Rules) != len(want) {
		t.Fatalf("%d rules, Coraza has %d", len(set.Rules), len(want))
	}
	return set
}
