package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"fanlight/internal/app"
)

func reloadCommand(s streams) *cobra.Command {
	var door doorFlags
	var output outputFlags
	var dry bool
	c := &cobra.Command{
		Use:   "reload",
		Short: "Have the running door read its configuration again",
		Long: `Have the running door read its configuration again, and print what it opens,
closes and changes. Sites that are the same notice nothing; connections of
changed ones go on under the new configuration from their next request.

A configuration with faults outside of its sites changes nothing. A site whose
new configuration has a fault goes on as it was. In both cases the fault is
printed as check prints it, and the exit code is 3.`,
		Example: "  fanlight reload --dry-run     # say what would change\n  fanlight reload -c /etc/fanlight/fanlight.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := door.client()
			if err != nil {
				return err
			}
			path := "/api/reload"
			if dry {
				path += "?dry_run=yes"
			}
			var items []json.RawMessage
			if err := client.Change(c.Context(), http.MethodPost, path, nil, &items); err != nil {
				return reloadError(s, output, err)
			}
			return printReload(s, output, items)
		},
	}
	door.add(c)
	output.add(c)
	c.Flags().BoolVar(&dry, "dry-run", false, "only say what would be done")
	return c
}

// reloadError prints the faults of a configuration that the door refused.
func reloadError(s streams, output outputFlags, err error) error {
	var refused *app.Refused
	if !errors.As(err, &refused) || refused.Kind != "configuration" {
		return doorError(err)
	}
	var items []any
	for _, raw := range refused.Faults {
		items = append(items, withType("fault", raw))
		if !output.asked() {
			var fault struct{ Report string }
			if err := json.Unmarshal(raw, &fault); err != nil {
				return fmt.Errorf("read the door's answer: %w", err)
			}
			fmt.Fprintln(s.out, fault.Report)
		}
	}
	if output.asked() {
		printItems(s.out, output.jsonl, items)
	}
	return failWith(exitConfig, err)
}

// changeItem is what is printed of a change, and of the whole.
type changeItem struct {
	Type   string
	Of     string
	Name   string
	Action string
	Parts  []string
	Why    string
	Fault  *struct{ Report string }

	Applied                                    bool
	Opened, Closed, Changed, Unchanged, Faulty int
}

func printReload(s streams, output outputFlags, items []json.RawMessage) error {
	var all []any
	var faulty int
	for _, raw := range items {
		var item changeItem
		if err := json.Unmarshal(raw, &item); err != nil {
			return fmt.Errorf("read the door's answer: %w", err)
		}
		all, faulty = append(all, raw), faulty+item.Faulty
		if !output.asked() {
			printChange(s.out, item)
		}
	}
	if output.asked() {
		printItems(s.out, output.jsonl, all)
	}
	if faulty > 0 {
		return failWith(exitConfig, nil)
	}
	return nil
}

func printChange(out io.Writer, c changeItem) {
	if c.Type == "reload" {
		words := "opened %d, closed %d, changed %d sites; %d stay as they are"
		if !c.Applied {
			words = "would open %d, close %d, change %d sites; %d stay as they are"
		}
		fmt.Fprintf(out, words, c.Opened, c.Closed, c.Changed, c.Unchanged)
		if c.Faulty > 0 {
			fmt.Fprintf(out, "; %d NOT as the file says", c.Faulty)
		}
		fmt.Fprintln(out)
		return
	}
	fmt.Fprintf(out, "%-8s %s: %s\n", c.Of, c.Name, changeText(c))
	if c.Fault != nil {
		fmt.Fprintln(out, strings.TrimRight(c.Fault.Report, "\n"))
	}
}

// changeText says what is done, and why.
func changeText(c changeItem) string {
	text := map[string]string{
		"open": "opens", "close": "closes", "change": "changes",
		"keep": "goes on as it was: its new configuration cannot be used", "fail": "FAILED: its configuration cannot be used",
		"wait": "goes on as it was", "restart": "changes with a restart",
	}[c.Action]
	if len(c.Parts) > 0 {
		text += " " + strings.Join(c.Parts, ", ")
	}
	if c.Why != "" && c.Fault == nil {
		text += " (" + c.Why + ")"
	}
	if c.Action == "wait" {
		text += "; reload again when it is done"
	}
	return text
}
