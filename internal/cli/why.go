package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"fanlight/internal/explain"
)

func whyCommand(s streams) *cobra.Command {
	var door doorFlags
	var output outputFlags
	c := &cobra.Command{
		Use:   "why [INCIDENT-ID | CONNECTION]",
		Short: "Say what happened to one failed request or connection",
		Long: `Say what happened to a request that Fanlight answered by itself. The incident's
id is in the page and in the header Fanlight-Incident of the response.

Where no answer with an id came, name the connection: the access log and
the console have its id. Without an argument, print what was found lately.`,
		Example: `  fanlight why 7Q2MXK4HTA
  fanlight why c17
  fanlight why`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := door.client()
			if err != nil {
				return err
			}
			path, kind := whyPath(args)
			var raw []json.RawMessage
			if err := client.Get(c.Context(), path, &raw); err != nil {
				return doorError(err)
			}
			switch {
			case output.asked():
				printItems(s.out, output.jsonl, typed(kind, raw))
				return nil
			case kind == "finding":
				return printFound(s.out, raw)
			}
			return printWhy(s.out, raw)
		},
	}
	door.add(c)
	output.add(c)
	return c
}

// connectionID is how connections are named everywhere.
var connectionID = regexp.MustCompile(`^c[0-9]+$`)

// whyPath is what to ask the door for, and the type of what it answers.
func whyPath(args []string) (path, kind string) {
	switch {
	case len(args) == 0:
		return "/api/findings", "finding"
	case connectionID.MatchString(args[0]):
		return "/api/connections/" + args[0], "why"
	}
	return "/api/incidents/" + url.PathEscape(args[0]), "why"
}

// typed gives objects their type, which findings have.
func typed(kind string, raw []json.RawMessage) []any {
	items := make([]any, len(raw))
	for i, r := range raw {
		items[i] = r
		if kind != "finding" {
			items[i] = withType(kind, r)
		}
	}
	return items
}

// whyItem is what is printed of the door's answer; the raw object is kept for
// JSON.
type whyItem struct {
	Incident *struct {
		ID       string `json:"id"`
		Time     string `json:"time"`
		Exchange string `json:"exchange"`
		Site     string `json:"site"`
		Status   int    `json:"status"`
		Cause    string `json:"cause"`
	} `json:"incident"`
	Connection struct {
		ID      string `json:"id"`
		Self    string `json:"self"`
		Client  string `json:"client"`
		Proxied string `json:"proxied_client"`
		Started string `json:"started"`
		Site    string `json:"site"`

		Events []whyEvent `json:"events"`
	} `json:"connection"`
	Exchanges []struct {
		ID     string `json:"id"`
		Method string `json:"method"`
		Host   string `json:"host"`
		Target string `json:"target"`
	} `json:"exchanges"`
	Related []struct {
		Connection struct {
			ID   string `json:"id"`
			Self string `json:"self"`
		} `json:"connection"`
	} `json:"related"`
	Notation string            `json:"notation"`
	Findings []explain.Finding `json:"findings"`
}

// printWhy prints what happened; much of it is what strangers said.
func printWhy(out io.Writer, raw []json.RawMessage) error {
	w := &strings.Builder{}
	defer func() { fmt.Fprint(out, visible(w.String())) }()
	for _, r := range raw {
		var item whyItem
		if err := json.Unmarshal(r, &item); err != nil {
			return fmt.Errorf("read the door's answer: %w", err)
		}
		item.text(w)
	}
	return nil
}

// product is what whoever asks runs.
const product = "Fanlight"

// text tells what happened and what to do, before what it was told from.
func (item *whyItem) text(w *strings.Builder) {
	item.subject(w)
	item.waf(w)
	var undecided []explain.Finding
	told := 0
	for _, f := range item.Findings {
		if f.Undecided {
			undecided = append(undecided, f)
			continue
		}
		told++
		fmt.Fprintln(w)
		f.Advice(w, product, item.withClient(f))
	}
	if text := item.advice(); told == 0 && text != "" {
		fmt.Fprintf(w, "\nwhat to do:\n  %s\n", text)
	} else if in := item.Incident; told == 0 && in != nil {
		fmt.Fprintf(w, "\nwhat to do:\n  No finding says more. Compare it with a request that works, by its connection's id:\n      fanlight compare c1 %s\n", in.ID)
	} else if told == 0 && item.Notation != "" {
		fmt.Fprintln(w, "\nNothing is wrong with it as far as the record shows.")
	}
	for _, f := range undecided {
		fmt.Fprintf(w, "\nnot decided: %s. %s\n", f.Title, f.Cause)
	}
	if item.Notation == "" {
		fmt.Fprintln(w, "\nThe record of the connection is gone, or recording is off.")
		return
	}
	fmt.Fprintf(w, "\nwhat was recorded:\n%s", item.Notation)
}

// withClient tells that a finding is about clients alone: no connection to an
// origin is named in it.
func (item *whyItem) withClient(f explain.Finding) bool {
	if item.Connection.Self != "server" {
		return false
	}
	for _, r := range item.Related {
		for _, id := range f.Conns {
			if r.Connection.Self == "client" && r.Connection.ID == id.String() {
				return false
			}
		}
	}
	return true
}

// client is who connected, and whom it speaks for.
func (item *whyItem) client() string {
	c := item.Connection
	if c.Proxied == "" {
		return c.Client
	}
	return c.Proxied + " (by the PROXY header of " + c.Client + ")"
}

// subject says which request or connection is meant, and what the client got.
func (item *whyItem) subject(w *strings.Builder) {
	in := item.Incident
	if in == nil {
		fmt.Fprintf(w, "connection %s of %s, begun %s%s\n", item.Connection.ID, item.client(), item.Connection.Started, ofSite(item.Connection.Site))
		return
	}
	fmt.Fprintf(w, "incident %s  %s%s\n", in.ID, in.Time, ofSite(in.Site))
	what := "a request"
	for _, x := range item.Exchanges {
		if x.ID == in.Exchange && x.Method != "" {
			what = strings.TrimSpace(x.Method + " " + x.Target)
			if x.Host != "" {
				what += " for " + x.Host
			}
		}
	}
	if in.Status != 0 {
		fmt.Fprintf(w, "Fanlight answered %s with %d: %s\n", what, in.Status, in.Cause)
	}
	if item.Connection.Proxied != "" {
		fmt.Fprintf(w, "The client was %s.\n", item.client())
	}
}

func ofSite(name string) string {
	if name == "" {
		return ""
	}
	return ", site " + name
}

// printFound prints findings, the newest first.
func printFound(out io.Writer, raw []json.RawMessage) error {
	w := &strings.Builder{}
	defer func() { fmt.Fprint(out, visible(w.String())) }()
	for i, r := range raw {
		var f explain.Finding
		if err := json.Unmarshal(r, &f); err != nil {
			return fmt.Errorf("read the door's answer: %w", err)
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		if len(f.Conns) > 0 {
			fmt.Fprintf(w, "connection %s\n", f.Conns[0])
		}
		f.Advice(w, product, false)
	}
	if len(raw) == 0 {
		fmt.Fprintln(w, "Nothing was found since the start. `fanlight why c17` looks at one connection; the access log has the ids.")
	}
	return nil
}
