package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"fanlight/internal/app"
)

func sitesCommand(s streams) *cobra.Command {
	var door doorFlags
	var output outputFlags
	list := func(c *cobra.Command, name string) error {
		client, err := door.client()
		if err != nil {
			return err
		}
		return listSites(c.Context(), s, client, output, name)
	}
	c := &cobra.Command{
		Use:   "sites",
		Short: "List, start and stop the sites of the running door",
		Example: `  fanlight sites
  fanlight sites stop shop          # returns when no client gets its certificate any more
  fanlight sites stop shop --save   # and writes it into the configuration, comments kept`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return list(c, "") },
	}
	door.add(c)
	output.add(c)
	c.AddCommand(&cobra.Command{Use: "list", Short: "List the sites", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return list(c, "") }})
	c.AddCommand(&cobra.Command{Use: "show SITE", Short: "Show one site", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return list(c, args[0]) }})
	for _, action := range []struct{ name, short string }{
		{"start", "Start a site"},
		{"stop", "Stop a site: open exchanges finish, tunnels are closed"},
		{"drain", "Stop a site, waiting for its tunnels too"},
	} {
		c.AddCommand(siteAction(s, &door, &output, action.name, action.short))
	}
	return c
}

func siteAction(s streams, door *doorFlags, output *outputFlags, action, short string) *cobra.Command {
	var save bool
	c := &cobra.Command{Use: action + " SITE", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := door.client()
			if err != nil {
				return err
			}
			base := "/api/sites/" + url.PathEscape(args[0]) + "/"
			if err := client.Change(c.Context(), http.MethodPost, base+action, nil, nil); err != nil {
				return doorError(err)
			}
			if save {
				if err := client.Change(c.Context(), http.MethodPost, base+"save", nil, nil); err != nil {
					return doorError(err)
				}
			}
			return listSites(c.Context(), s, client, *output, args[0])
		}}
	c.Flags().BoolVar(&save, "save", false, "write the state into the configuration, comments kept")
	return c
}

// siteItem is what is printed of a site; the raw object is kept for JSON.
type siteItem struct {
	Name       string `json:"name"`
	State      string `json:"state"`
	Reason     string `json:"reason"`
	Configured string `json:"configured"`
	Differs    bool   `json:"differs"`
	WAF        string `json:"waf"`
	Bindings   []struct {
		Address string   `json:"address"`
		Names   []string `json:"names"`
		Plain   bool     `json:"plain"`
	} `json:"bindings"`
	Certificate *struct {
		Issuer   string `json:"issuer"`
		NotAfter string `json:"not_after"`
		Fault    string `json:"fault"`
	} `json:"certificate"`
}

func listSites(ctx context.Context, s streams, client *app.Client, output outputFlags, name string) error {
	var raw []json.RawMessage
	path := "/api/sites"
	if name != "" {
		path += "?name=" + url.QueryEscape(name)
	}
	if err := client.Get(ctx, path, &raw); err != nil {
		return doorError(err)
	}
	var items []any
	var sites []siteItem
	for _, r := range raw {
		var one siteItem
		if err := json.Unmarshal(r, &one); err != nil {
			return fmt.Errorf("read the door's answer: %w", err)
		}
		if name == "" || one.Name == name {
			sites, items = append(sites, one), append(items, withType("site", r))
		}
	}
	if name != "" && len(sites) == 0 {
		return failWith(exitUsage, fmt.Errorf("show %s: no such site", name))
	}
	if output.asked() {
		printItems(s.out, output.jsonl, items)
		return nil
	}
	printSites(s.out, sites)
	return nil
}

// withType puts the object's type first, as the contract's lines have it.
func withType(kind string, object json.RawMessage) json.RawMessage {
	rest := strings.TrimPrefix(string(object), "{")
	if rest != "}" {
		rest = "," + rest
	}
	return json.RawMessage(`{"type":"` + kind + `"` + rest)
}

func printSites(out io.Writer, sites []siteItem) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SITE\tSTATE\tADDRESS\tNAMES\tNOTE")
	for _, site := range sites {
		name, state, note := site.Name, site.State, siteNote(site)
		for _, b := range site.Bindings {
			address := b.Address
			if b.Plain {
				address = "http://" + address
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", name, state, address, strings.Join(b.Names, " "), note)
			name, state, note = "", "", ""
		}
		if name != "" {
			fmt.Fprintf(w, "%s\t%s\t\t\t%s\n", name, state, note)
		}
	}
	w.Flush()
}

func siteNote(site siteItem) string {
	switch {
	case site.Reason != "":
		return site.Reason
	case site.Differs:
		return "the file says " + site.Configured + " (--save writes the state there)"
	case site.Certificate != nil && site.Certificate.Fault != "":
		return site.Certificate.Fault
	case site.WAF == "watch":
		return "WAF watches"
	case site.WAF == "block":
		return "WAF blocks"
	}
	return ""
}
