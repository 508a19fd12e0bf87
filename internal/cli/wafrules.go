package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"fanlight/internal/waf"
	"fanlight/internal/waf/seclang"
)

func wafRulesCommand(s streams) *cobra.Command {
	var output outputFlags
	c := &cobra.Command{
		Use:   "rules [ID]",
		Short: "Say what a rule of the WAF looks for, and in what",
		Long: `Print what a rule is of which a log, the console or an answer has the id: what it
says, from which paranoia level it counts and how much, what it looks at, what is
done to that before it is compared, and with what. Without an id, list the rules.`,
		Example: `  fanlight waf rules 942100
  fanlight waf rules | grep -i java`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return printRules(s, args, output) },
	}
	output.add(c)
	return c
}

// wafRule is a rule of the rule set.
type wafRule struct {
	Type     string    `json:"type"`
	Rule     int       `json:"rule"`
	Message  string    `json:"message,omitempty"`
	Severity string    `json:"severity,omitempty"`
	Paranoia int       `json:"paranoia,omitempty"`
	Phase    int       `json:"phase"`
	Tags     []string  `json:"tags,omitempty"`
	Looks    []wafLook `json:"looks"`
	File     string    `json:"file"`
	Line     int       `json:"line"`
}

// wafLook is what a rule, or a link of its chain, looks at.
type wafLook struct {
	Targets         []string `json:"targets,omitempty"`
	Transformations []string `json:"transformations,omitempty"`
	Operator        string   `json:"operator,omitempty"`
	Argument        string   `json:"argument,omitempty"`
	Phrases         int      `json:"phrases,omitempty"`
}

func printRules(s streams, args []string, output outputFlags) error {
	policy := waf.Defaults()
	set, err := policy.Rules()
	if err != nil {
		return err
	}
	rules, err := chosenRules(set, args)
	if err != nil {
		return failWith(exitUsage, err)
	}
	if output.asked() {
		var items []any
		for _, r := range rules {
			items = append(items, r)
		}
		printItems(s.out, output.jsonl, items)
		return nil
	}
	var w strings.Builder
	for _, r := range rules {
		if len(args) == 0 {
			r.line(&w)
		} else {
			r.text(&w)
		}
	}
	fmt.Fprint(s.out, visible(w.String()))
	return nil
}

// chosenRules are the rule with the id that is given, or all that say something.
func chosenRules(set *seclang.Set, args []string) (out []*wafRule, err error) {
	wanted := 0
	if len(args) > 0 {
		if wanted, err = strconv.Atoi(args[0]); err != nil || wanted < 1 {
			return nil, fmt.Errorf("look up rule %q: expected its number, such as 942100", args[0])
		}
	}
	for _, r := range set.Rules {
		if r.ID != 0 && (r.ID == wanted || wanted == 0 && !housekeeping(r)) {
			out = append(out, readRule(r))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("look up rule %d: the rule set has none of that number; without a number, all are listed", wanted)
	}
	return out, nil
}

// housekeeping are rules that say nothing about a request.
func housekeeping(r *seclang.Rule) bool { return r.Msg.Text == "" || r.Operator.Name == "" }

const paranoiaTag = "paranoia-level/"

func readRule(r *seclang.Rule) *wafRule {
	out := &wafRule{Type: "waf-rule", Rule: r.ID, Message: r.Msg.Text, Phase: r.Phase, Tags: r.Tags, File: r.File, Line: r.Line}
	severities := [...]string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"}
	if r.Severity >= 0 && r.Severity < len(severities) {
		out.Severity = severities[r.Severity]
	}
	for _, tag := range r.Tags {
		if level, is := strings.CutPrefix(tag, paranoiaTag); is {
			out.Paranoia, _ = strconv.Atoi(level) // 0: it is no number
		}
	}
	for _, one := range append([]*seclang.Rule{r}, r.Chain...) {
		out.Looks = append(out.Looks, readLook(one))
	}
	return out
}

func readLook(r *seclang.Rule) wafLook {
	out := wafLook{Transformations: r.Transformations, Operator: r.Operator.Name, Argument: r.Operator.Argument, Phrases: len(r.Operator.Phrases)}
	if r.Operator.Negated {
		out.Operator = "not " + out.Operator
	}
	for i := range r.Variables {
		out.Targets = append(out.Targets, variableText(&r.Variables[i])...)
	}
	return out
}

// variableText writes a variable as a rule has it, and what is left out of it.
func variableText(v *seclang.Variable) (out []string) {
	name := v.Name
	if v.Count {
		name = "&" + name
	}
	if !v.Key.Empty() {
		name += ":" + keyText(v.Key)
	}
	out = append(out, name)
	for _, k := range v.Except {
		left := "!" + v.Name
		if !k.Empty() {
			left += ":" + keyText(k)
		}
		out = append(out, left)
	}
	return out
}

func keyText(k seclang.Key) string {
	if k.Rx {
		return "/" + k.Text + "/"
	}
	return k.Text
}

func (r *wafRule) line(w *strings.Builder) {
	level := "-"
	if r.Paranoia > 0 {
		level = strconv.Itoa(r.Paranoia)
	}
	fmt.Fprintf(w, "%d  %s  %-8s  %s\n", r.Rule, level, r.Severity, r.Message)
}

// points are what a match adds to the score, by severity.
func points(severity string) string {
	switch severity {
	case "critical":
		return ", a match adds 5"
	case "error":
		return ", a match adds 4"
	case "warning":
		return ", a match adds 3"
	case "notice":
		return ", a match adds 2"
	}
	return ""
}

// text tells a rule to a person.
func (r *wafRule) text(w *strings.Builder) {
	fmt.Fprintf(w, "rule %d", r.Rule)
	if r.Message != "" {
		fmt.Fprintf(w, ": %s", r.Message)
	}
	fmt.Fprintln(w)
	if r.Severity != "" {
		fmt.Fprintf(w, "severity   %s%s\n", r.Severity, points(r.Severity))
	}
	if r.Paranoia > 0 {
		fmt.Fprintf(w, "paranoia   %d and above\n", r.Paranoia)
	}
	phases := [...]string{"", "the head of the request", "the whole request", "the head of the response", "the whole response", "the end of the exchange"}
	if r.Phase > 0 && r.Phase < len(phases) {
		fmt.Fprintf(w, "when       phase %d: %s\n", r.Phase, phases[r.Phase])
	}
	for i := range r.Looks {
		r.Looks[i].text(w, i)
	}
	tags := slices.DeleteFunc(slices.Clone(r.Tags), func(t string) bool { return strings.HasPrefix(t, paranoiaTag) })
	if len(tags) > 0 {
		fmt.Fprintf(w, "tags       %s\n", strings.Join(tags, ", "))
	}
	fmt.Fprintf(w, "written    %s, line %d\n", r.File, r.Line)
}

func (l *wafLook) text(w *strings.Builder, link int) {
	if link > 0 {
		fmt.Fprintln(w, "and, in a chain")
	}
	if len(l.Targets) > 0 {
		fmt.Fprintf(w, "looks at   %s\n", strings.Join(l.Targets, ", "))
	}
	if len(l.Transformations) > 0 {
		fmt.Fprintf(w, "first      %s\n", strings.Join(l.Transformations, ", "))
	}
	if l.Operator != "" {
		fmt.Fprintf(w, "matches    %s %s\n", l.Operator, l.Argument)
	}
	if l.Phrases > 0 {
		fmt.Fprintf(w, "           with %s\n", counted(l.Phrases, "phrase"))
	}
}
