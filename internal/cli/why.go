package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

func whyCommand(s streams) *cobra.Command {
	var door doorFlags
	var output outputFlags
	c := &cobra.Command{
		Use:   "why INCIDENT-ID",
		Short: "Say what happened to one failed request",
		Long: `Say what happened to a request that Fanlight answered by itself. The incident's
id is in the page and in the header Fanlight-Incident of the response.`,
		Example: "  fanlight why 7Q2MXK4HTA",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := door.client()
			if err != nil {
				return err
			}
			var raw []json.RawMessage
			if err := client.Get(c.Context(), "/api/incidents/"+url.PathEscape(args[0]), &raw); err != nil {
				return doorError(err)
			}
			if output.asked() {
				items := make([]any, len(raw))
				for i, r := range raw {
					items[i] = withType("why", r)
				}
				printItems(s.out, output.jsonl, items)
				return nil
			}
			return printWhy(s.out, raw)
		},
	}
	door.add(c)
	output.add(c)
	return c
}

type whyItem struct {
	Incident struct {
		ID     string `json:"id"`
		Time   string `json:"time"`
		Site   string `json:"site"`
		Status int    `json:"status"`
		Cause  string `json:"cause"`
	} `json:"incident"`
	Notation string        `json:"notation"`
	Findings []whyFindings `json:"findings"`
}

// whyFindings is a finding as the door sends it.
type whyFindings struct {
	ID         string `json:"id"`
	Severity   string `json:"severity"`
	Confidence string `json:"confidence"`
	Title      string `json:"title"`
	Cause      string `json:"cause"`
	Fixes      []struct {
		Side    string `json:"side"`
		Product string `json:"product"`
		Text    string `json:"text"`
		Command string `json:"command"`
	} `json:"fixes"`
	Evidence []struct {
		Conn string   `json:"conn"`
		AtMS *float64 `json:"at_ms"`
		Text string   `json:"text"`
	} `json:"evidence"`
	Missing   []string `json:"missing"`
	Undecided bool     `json:"undecided"`
}

func printWhy(w io.Writer, raw []json.RawMessage) error {
	for _, r := range raw {
		var item whyItem
		if err := json.Unmarshal(r, &item); err != nil {
			return fmt.Errorf("read the door's answer: %w", err)
		}
		in := item.Incident
		fmt.Fprintf(w, "incident %s  %s  status %d", in.ID, in.Time, in.Status)
		if in.Site != "" {
			fmt.Fprintf(w, "  site %s", in.Site)
		}
		fmt.Fprintf(w, "\ncause: %s\n", in.Cause)
		for _, f := range item.Findings {
			printWhyFinding(w, f)
		}
		if item.Notation == "" {
			fmt.Fprintln(w, "\nThe record of the connection is gone, or recording is off.")
			continue
		}
		fmt.Fprintf(w, "\nwhat was recorded:\n%s", item.Notation)
	}
	return nil
}

func printWhyFinding(w io.Writer, f whyFindings) {
	fmt.Fprintf(w, "\n%s [%s, %s]  %s\n", f.Title, f.Severity, f.Confidence, f.ID)
	fmt.Fprintf(w, "  %s\n", f.Cause)
	for _, e := range f.Evidence {
		at := ""
		if e.AtMS != nil {
			at = fmt.Sprintf(" +%.3fs", *e.AtMS/1000)
		}
		fmt.Fprintf(w, "  - %s\n", strings.TrimSpace(e.Conn+at+"  "+e.Text))
	}
	for _, x := range f.Fixes {
		side := x.Side
		if x.Product != "" {
			side += ", " + x.Product
		}
		fmt.Fprintf(w, "  fix (%s): %s\n", side, x.Text)
		if x.Command != "" {
			fmt.Fprintf(w, "      %s\n", strings.ReplaceAll(x.Command, "\n", "\n      "))
		}
	}
	for _, m := range f.Missing {
		fmt.Fprintf(w, "  would be certain with: %s\n", m)
	}
}
