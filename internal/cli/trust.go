package cli

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"fanlight/internal/cert"
)

// trustOptions say where the local CA is.
type trustOptions struct {
	config string
	named  bool // config was given, and so has to exist
	data   string
	output outputFlags
}

const defaultData = "fanlight-data" // beside a configuration that names none

func trustCommand(s streams) *cobra.Command {
	var o trustOptions
	action := func(act func(streams, trustOptions) error) func(*cobra.Command, []string) error {
		return func(c *cobra.Command, _ []string) error {
			o.named = c.Flags().Changed("config")
			return act(s, o)
		}
	}
	c := &cobra.Command{
		Use:   "trust",
		Short: "Show the local CA, and have this computer trust it",
		Long: `Show the root of the local CA that signs certificates of local names. The CA is
in the data folder: that of the configuration, or --data.`,
		Example: "  fanlight trust\n  fanlight trust install\n  fanlight trust uninstall",
		Args:    cobra.NoArgs,
		RunE:    action(showTrust),
	}
	c.PersistentFlags().StringVarP(&o.config, "config", "c", defaultConfig, "configuration `file`")
	c.PersistentFlags().StringVar(&o.data, "data", "", "data `folder`, in place of the configuration's")
	o.output.add(c)
	c.AddCommand(
		&cobra.Command{Use: "install", Short: "Put the root into the trust stores of this computer", Args: cobra.NoArgs, RunE: action(installTrust),
			Long: `Put the root of the local CA into the system's trust store and into the NSS
databases of Chromium and Firefox of the current user. The system's store
belongs to root: sudo is used where it is installed.`},
		&cobra.Command{Use: "uninstall", Short: "Take the root out of the trust stores again", Args: cobra.NoArgs, RunE: action(uninstallTrust)},
		&cobra.Command{Use: "prove", Short: "Show that programs of this computer trust the root (comes later)", Args: cobra.NoArgs, RunE: action(proveTrust)})
	return c
}

func proveTrust(streams, trustOptions) error {
	return failWith(exitUsage, errors.New("prove trust: not there yet (`fanlight trust` says whether the system trusts the root)"))
}

// folder gives the folder of the CA, and the further names it signs.
func (o trustOptions) folder() (dir string, localNames []string, err error) {
	data := o.data
	if data == "" {
		if _, err := os.Stat(o.config); !o.named && errors.Is(err, fs.ErrNotExist) {
			data = defaultData
		}
	}
	if data == "" {
		cfg, err := loadConfig(o.config)
		if err != nil {
			return "", nil, err
		}
		data, localNames = cfg.DataDir(), cfg.LocalNames
	}
	dir, err = filepath.Abs(filepath.Join(data, "ca"))
	return dir, localNames, err
}

// openCA opens the CA. One that is missing is made, or else nil.
func (o trustOptions) openCA(create bool) (ca *cert.CA, dir string, err error) {
	dir, names, err := o.folder()
	if err != nil {
		return nil, "", err
	}
	if _, err := os.Stat(dir); !create && errors.Is(err, fs.ErrNotExist) {
		return nil, dir, nil
	}
	if ca, err = cert.OpenCA(dir, names); err != nil {
		return nil, dir, failWith(permissionOr(exitConfig, err), err)
	}
	return ca, dir, nil
}

// permissionOr is the exit code of a want of permission, or another one.
func permissionOr(code int, err error) int {
	if errors.Is(err, fs.ErrPermission) {
		return exitPermission
	}
	return code
}

type rootItem struct {
	Type     string `json:"type"`
	Subject  string `json:"subject"`
	SHA256   string `json:"sha256"`
	NotAfter string `json:"not_after"`
	Path     string `json:"path"`
	Trusted  bool   `json:"system_trusts"`
}

// noCA prints that there is nothing to print.
func (o trustOptions) noCA(s streams, dir, what string) {
	if o.output.asked() {
		printItems(s.out, o.output.jsonl, nil)
	}
	fmt.Fprintf(s.err, "there is no local CA in %s%s\n", dir, what)
}

func showTrust(s streams, o trustOptions) error {
	ca, dir, err := o.openCA(false)
	if err != nil {
		return err
	}
	if ca == nil {
		o.noCA(s, dir, " yet; `fanlight run` and `fanlight trust install` make it")
		return nil
	}
	root := ca.Root()
	sum := sha256.Sum256(root.Raw)
	item := rootItem{"root", root.Subject.String(), hex.EncodeToString(sum[:]), root.NotAfter.UTC().Format(time.RFC3339), ca.RootPath(), systemTrusts(root)}
	if o.output.asked() {
		printItems(s.out, o.output.jsonl, []any{item})
		return nil
	}
	trusted := "yes"
	if !item.Trusted {
		trusted = "no (`fanlight trust install` changes that)"
	}
	fmt.Fprintf(s.out, "root         %s\nfile         %s\nvalid until  %s\nsha256       %s\ntrusted by the system store  %s\n",
		item.Subject, item.Path, item.NotAfter, item.SHA256, trusted)
	return nil
}

// systemTrusts reports whether programs that go by the system's store trust
// root.
func systemTrusts(root *x509.Certificate) bool {
	_, err := root.Verify(x509.VerifyOptions{})
	return err == nil
}
