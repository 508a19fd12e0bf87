package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"fanlight/internal/machine"
)

func installTrust(s streams, o trustOptions) error {
	ca, dir, err := o.openCA(true)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.err, `programs of this computer will believe every certificate that leads to %s.
Certificates are signed by an intermediate that is limited to .test, .localhost, loopback addresses and local_names;
the root's own key is not limited so: keep %s to yourself.
`, ca.Root().Subject, filepath.Join(dir, "root.key"))
	return reportStores(s, o.output, "installed", machine.InstallTrust(ca.RootPath()))
}

func uninstallTrust(s streams, o trustOptions) error {
	ca, dir, err := o.openCA(false)
	if err != nil {
		return err
	}
	if ca == nil {
		o.noCA(s, dir, ": nothing to take out")
		return nil
	}
	return reportStores(s, o.output, "removed", machine.UninstallTrust(ca.RootPath()))
}

type storeItem struct {
	Type   string `json:"type"`
	Store  string `json:"store"`
	Result string `json:"result"` // installed, removed, skipped or failed
	Detail string `json:"detail,omitempty"`
	Error  string `json:"error,omitempty"`
}

func reportStores(s streams, output outputFlags, done string, results []machine.StoreResult) error {
	var items []any
	code := exitFine
	for _, r := range results {
		item := storeItem{Type: "trust-store", Store: r.Store, Result: done, Detail: r.Detail}
		if !r.OK {
			item.Result, item.Error = "failed", r.Err.Error()
			if toolMissing(r) {
				item.Result = "skipped"
			} else {
				code = max(code, storeCode(r))
			}
		}
		items = append(items, item)
		if !output.asked() {
			item.print(s)
		}
	}
	if output.asked() {
		printItems(s.out, output.jsonl, items)
	}
	if code != exitFine {
		return failWith(code, errors.New("not every trust store could be changed"))
	}
	return nil
}

// toolMissing tells a store of browsers that cannot be changed for want of its
// tool: a machine without browsers need not have it.
func toolMissing(r machine.StoreResult) bool {
	return r.Store == "nss" && errors.Is(r.Err, exec.ErrNotFound)
}

// storeCode tells a want of permission from other failures. The system's store
// is changed by tools, whose errors do not tell them apart.
func storeCode(r machine.StoreResult) int {
	if r.Store == "system" && os.Geteuid() != 0 {
		return exitPermission
	}
	return permissionOr(exitFindings, r.Err)
}

func (i storeItem) print(s streams) {
	fmt.Fprintf(s.out, "%-7s %-9s  %s\n", i.Store, i.Result, i.Detail)
	if i.Error != "" {
		fmt.Fprintf(s.err, "%s: %s\n", i.Store, i.Error)
	}
}
