package cli

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"fanlight/internal/app"
)

func addressesCommand(s streams) *cobra.Command {
	var door doorFlags
	var output outputFlags
	list := func(c *cobra.Command, _ []string) error {
		client, err := door.client()
		if err != nil {
			return err
		}
		return listAddresses(c.Context(), s, client, output)
	}
	c := &cobra.Command{
		Use:   "addresses",
		Short: "List and change the addresses the door may bind",
		Long: `List and change the addresses the running door may bind: no site is ever bound
outside this list. Changes are true at once and are written into the
configuration, comments kept. (HTTP.sys has the same as netsh http add iplisten,
which needs a restart of its service.)`,
		Example: "  fanlight addresses\n  fanlight addresses add 127.0.0.5\n  fanlight addresses remove 127.0.0.5",
		Args:    cobra.NoArgs,
		RunE:    list,
	}
	door.add(c)
	output.add(c)
	c.AddCommand(&cobra.Command{Use: "list", Short: "List the addresses", Args: cobra.NoArgs, RunE: list})
	for _, change := range []struct{ name, method, short string }{
		{"add", http.MethodPost, "Let sites bind an address"},
		{"remove", http.MethodDelete, "Take an address from the list"},
	} {
		c.AddCommand(&cobra.Command{Use: change.name + " ADDR", Short: change.short, Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				client, err := door.client()
				if err != nil {
					return err
				}
				body := map[string]string{"address": args[0]}
				if err := client.Change(c.Context(), change.method, "/api/addresses", body, nil); err != nil {
					return doorError(err)
				}
				return listAddresses(c.Context(), s, client, output)
			}})
	}
	return c
}

type addressItem struct {
	Type    string `json:"type"`
	Address string `json:"address"`
}

func listAddresses(ctx context.Context, s streams, client *app.Client, output outputFlags) error {
	var list []string
	if err := client.Get(ctx, "/api/addresses", &list); err != nil {
		return doorError(err)
	}
	if output.asked() {
		items := make([]any, len(list))
		for i, a := range list {
			items[i] = addressItem{"address", a}
		}
		printItems(s.out, output.jsonl, items)
		return nil
	}
	if len(list) == 0 {
		fmt.Fprintln(s.err, "no list: sites may bind any exact address")
	}
	for _, a := range list {
		fmt.Fprintln(s.out, a)
	}
	return nil
}
