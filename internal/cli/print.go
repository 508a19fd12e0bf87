package cli

import (
	"errors"
	"fmt"
	"io"

	"fanlight/internal/config"
)

// printItems writes objects as JSON lines, or as one document of the contract.
func printItems(w io.Writer, lines bool, items []any) {
	if lines {
		for _, item := range items {
			fmt.Fprintln(w, string(marshal(item)))
		}
		return
	}
	if items == nil {
		items = []any{}
	}
	fmt.Fprintln(w, string(marshal(struct {
		Schema int   `json:"schema"`
		Items  []any `json:"items"`
	}{1, items})))
}

func asFaults(err error) *config.Faults {
	var faults *config.Faults
	if errors.As(err, &faults) {
		return faults
	}
	return nil
}
