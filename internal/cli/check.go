package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"fanlight/internal/app"
	"fanlight/internal/config"
	"fanlight/internal/flow"
)

func checkCommand(s streams) *cobra.Command {
	var path string
	var schema bool
	var output outputFlags
	c := &cobra.Command{
		Use:   "check",
		Short: "Check a configuration",
		Long: `Check a configuration and the files that it names, and print every fault with
its place, the line, and a hint. The exit code is 3 if there is a fault, also
one that would fail a single site only.`,
		Example: "  fanlight check -c fanlight.yaml\n  fanlight check --schema > fanlight.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if schema {
				raw, err := config.Schema()
				if err != nil {
					return err
				}
				fmt.Fprintln(s.out, string(raw))
				return nil
			}
			return check(s, path, output)
		},
	}
	c.Flags().StringVarP(&path, "config", "c", defaultConfig, "configuration `file`")
	c.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of configurations")
	output.add(c)
	return c
}

func check(s streams, path string, output outputFlags) error {
	cfg, err := config.Load(path)
	var faults []config.Fault
	switch f := asFaults(err); {
	case f != nil:
		faults = *f
	case err != nil:
		return failWith(exitConfig, fmt.Errorf("%w (-c names another file)", err))
	default:
		inFiles, warnings := app.Check(cfg)
		faults = append(cfg.Faults, inFiles...)
		warn(s.err, append(cfg.Warnings(), warnings...))
	}
	if output.asked() {
		printItems(s.out, output.jsonl, faultItems(faults))
	} else {
		for i := range faults {
			fmt.Fprintln(s.out, faults[i].Report())
		}
	}
	if len(faults) > 0 {
		return failWith(exitConfig, nil)
	}
	sites := fmt.Sprint(len(cfg.Sites), " sites")
	if len(cfg.Sites) == 1 {
		sites = "1 site"
	}
	fmt.Fprintf(s.err, "%s: no faults, %s\n", path, sites)
	return nil
}

type faultItem struct {
	Type    string `json:"type"`
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Path    string `json:"path,omitempty"`
	Site    string `json:"site,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func faultItems(faults []config.Fault) []any {
	out := make([]any, len(faults))
	for i, f := range faults {
		out[i] = faultItem{"fault", f.File, f.Line, f.Column, f.Path, f.Site, f.Message, f.Hint}
	}
	return out
}

func marshal(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("cli: value that is no JSON: " + err.Error()) // a fault of the program
	}
	return flow.PrintableJSON(raw)
}
