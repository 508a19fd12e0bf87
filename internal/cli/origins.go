package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"fanlight/internal/app"
)

func originsCommand(s streams) *cobra.Command {
	var door doorFlags
	var output outputFlags
	var site string
	list := func(c *cobra.Command, origin string) error {
		client, err := door.client()
		if err != nil {
			return err
		}
		return listOrigins(c.Context(), s, client, output, site, origin)
	}
	c := &cobra.Command{
		Use:   "origins",
		Short: "List the origins behind the running door, and take them out of use",
		Example: `  fanlight origins
  fanlight origins drain 10.0.0.5:8443           # no new requests but those of clients tied to it
  fanlight origins disable https://10.0.0.5:8443 --site shop
  fanlight origins enable 10.0.0.5:8443          # as the configuration has it`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return list(c, "") },
	}
	door.add(c)
	output.add(c)
	c.PersistentFlags().StringVar(&site, "site", "", "only the origins of this `site`")
	c.AddCommand(&cobra.Command{Use: "list", Short: "List the origins", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return list(c, "") }})
	c.AddCommand(&cobra.Command{Use: "show ORIGIN", Short: "Show one origin", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return list(c, args[0]) }})
	for _, action := range []struct{ name, short string }{
		{"drain", "Give an origin no new requests but those of clients tied to it by a cookie or a sign-in"},
		{"disable", "Give an origin no new requests at all"},
		{"enable", "Use an origin again"},
	} {
		c.AddCommand(&cobra.Command{Use: action.name + " ORIGIN", Short: action.short, Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				client, err := door.client()
				if err != nil {
					return err
				}
				body := map[string]string{"origin": args[0], "site": site}
				var changed []json.RawMessage
				if err := client.Change(c.Context(), http.MethodPost, "/api/origins/"+action.name, body, &changed); err != nil {
					return doorError(err)
				}
				return showOrigins(s.out, output, changed)
			}})
	}
	return c
}

// originItem is what is printed of an origin; the raw object is kept for JSON.
type originItem struct {
	Site     string     `json:"site"`
	Route    string     `json:"route"`
	Origin   string     `json:"origin"`
	State    string     `json:"state"`
	Reason   string     `json:"reason"`
	Until    *time.Time `json:"until"`
	Duty     string     `json:"duty"`
	Differs  bool       `json:"differs"`
	Weight   int        `json:"weight"`
	Backup   bool       `json:"backup"`
	Active   int        `json:"active"`
	Waiting  int        `json:"waiting"`
	Requests int64      `json:"requests"`
	Failures int64      `json:"failures"`
	Retries  int64      `json:"retries"`
}

// listOrigins prints the origins of a site, or of all; with origin not empty
// those that it means.
func listOrigins(ctx context.Context, s streams, client *app.Client, output outputFlags, site, origin string) error {
	var raw, chosen []json.RawMessage
	if err := client.Get(ctx, "/api/origins", &raw); err != nil {
		return doorError(err)
	}
	for _, r := range raw {
		var one originItem
		if err := json.Unmarshal(r, &one); err != nil {
			return fmt.Errorf("read the door's answer: %w", err)
		}
		if (site == "" || one.Site == site) && (origin == "" || app.NamesOrigin(one.Origin, origin)) {
			chosen = append(chosen, r)
		}
	}
	switch {
	case origin != "" && len(chosen) == 0:
		return failWith(exitUsage, fmt.Errorf("show %s: no such origin", origin))
	case site != "" && len(chosen) == 0:
		return failWith(exitUsage, fmt.Errorf("list origins of site %s: there is none", site))
	}
	return showOrigins(s.out, output, chosen)
}

func showOrigins(out io.Writer, output outputFlags, raw []json.RawMessage) error {
	var items []any
	var origins []originItem
	for _, r := range raw {
		var one originItem
		if err := json.Unmarshal(r, &one); err != nil {
			return fmt.Errorf("read the door's answer: %w", err)
		}
		origins, items = append(origins, one), append(items, withType("origin", r))
	}
	if output.asked() {
		printItems(out, output.jsonl, items)
		return nil
	}
	printOrigins(out, origins)
	return nil
}

func printOrigins(out io.Writer, origins []originItem) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SITE\tROUTE\tORIGIN\tSTATE\tSHARE\tNOW\tREQUESTS\tFAILED\tRETRIED\tNOTE")
	for _, o := range origins {
		share := strconv.Itoa(o.Weight)
		if o.Backup {
			share = "backup"
		}
		now := strconv.Itoa(o.Active)
		if o.Waiting > 0 {
			now += fmt.Sprintf(" +%d", o.Waiting)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", o.Site, o.Route, o.Origin, o.State, share, now, o.Requests, o.Failures, o.Retries, originNote(o))
	}
	w.Flush()
}

func originNote(o originItem) string {
	switch {
	case o.Until != nil && o.State == "ejected":
		return o.Reason + "; tried again at " + o.Until.Local().Format("15:04:05")
	case o.Reason != "":
		return o.Reason
	case o.Differs:
		return "not as the file says (fanlight origins enable " + o.Origin + ")"
	}
	return ""
}
