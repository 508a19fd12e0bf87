package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"fanlight/internal/dissect"
	"fanlight/internal/flow"
	"fanlight/internal/pcap"
	"fanlight/internal/query"
)

// traceFlags are the flags of trace and capture.
type traceFlags struct {
	keys     dissect.KeyFiles
	filter   string
	ladder   bool
	hash     bool
	conn     []string
	from, to string
	body     string
	write    string
	failOn   string
	unjudged bool
	hosts    string
	output   outputFlags
	recorded recordedFlags
}

func (f *traceFlags) add(c *cobra.Command) {
	flags := c.Flags()
	addKeyFlags(c, &f.keys)
	flags.StringVar(&f.filter, "filter", "", "only what matches, such as 'http.response.code >= 500 && tls.sni == shop.test'; help lists the fields")
	flags.BoolVar(&f.ladder, "ladder", false, "draw whole conversations by time")
	flags.BoolVar(&f.hash, "hash", false, "give the SHA-256 of bodies")
	flags.StringSliceVar(&f.conn, "conn", nil, "only these connections (c7, ...)")
	flags.StringVar(&f.from, "from", "", "nothing that began before: RFC 3339, or a duration from the start of the capture")
	flags.StringVar(&f.to, "to", "", "nothing that began after")
	flags.StringVar(&f.failOn, "fail-on", "", "exit with 1 on findings of this severity or above: error, warning, note")
	flags.StringVar(&f.hosts, "hosts", "", "hosts file of the machine where the packets were captured: did connections go where it says")
	flags.BoolVar(&f.unjudged, "no-findings", false, "look for no causes of trouble")
	f.output.add(c)
}

func addKeyFlags(c *cobra.Command, keys *dissect.KeyFiles) {
	flags := c.Flags()
	flags.StringArrayVar(&keys.Logs, "keys", nil, "key log that opens TLS (SSLKEYLOGFILE)")
	flags.StringArrayVar(&keys.RSA, "rsa-key", nil, "private key of the server, PEM or DER; opens RSA key exchange only")
	flags.StringArrayVar(&keys.PFX, "pfx", nil, "private key of the server in a PFX file")
	flags.StringVar(&keys.PasswordFile, "pfx-password-file", "", "file with the password of the PFX files")
}

func traceCommand(s streams) *cobra.Command {
	var f traceFlags
	c := &cobra.Command{
		Use:   "trace FILE...",
		Short: "Say what happened in packet captures, or in the records of the door",
		Long: `Read packet captures (pcap, pcapng, also packed with gzip or zstd; - is standard
input; several files are merged by time) and print the exchanges and
connections in them, decrypted where a key log, the server's private key or
secrets inside the file allow, and what went wrong. One HAR file of a browser or
SAZ file of Fiddler is read too (it tells nothing of TLS and of who closed), and
one of records (--jsonl) or flow notation.

Without a file, --since, --control or -c ask the running door for its records,
and --data reads those of a door that does not run. Their credentials are
masked.`,
		Example: `  fanlight trace bad.pcapng --keys sslkeys.log
  fanlight trace waf.pcap --pfx shop.pfx --pfx-password-file pw --ladder --filter 'http.response.code == 502'
  tcpdump -w - port 443 | fanlight trace - --jsonl
  fanlight trace --since 1h --filter 'http.response.code >= 500'`,
		RunE: func(c *cobra.Command, args []string) error {
			if f.filter == "help" {
				printFields(s.out)
				return nil
			}
			if f.recorded.asked() {
				return f.records(c.Context(), s, args)
			}
			if len(args) == 0 {
				return failWith(exitUsage, errors.New("name a capture, or - for standard input; --since 1h asks the running door"))
			}
			if done, err := f.archived(s, args); done {
				return err
			}
			if f.body != "" {
				return f.extract(c.Context(), s, args)
			}
			return f.trace(c.Context(), s, args)
		},
	}
	f.add(c)
	c.Flags().StringVarP(&f.write, "write", "w", "", "write the packets of what is printed to this pcapng file, with secrets and a comment for each finding")
	f.recorded.add(c)
	c.Flags().StringVar(&f.body, "body", "", "write the body of one exchange's response to stdout (x12), or its request's (x12:request)")
	return c
}

func (f *traceFlags) trace(ctx context.Context, s streams, args []string) error {
	defer onceMore(ctx)()
	view, err := f.view(s)
	if err != nil {
		return failWith(exitUsage, err)
	}
	if f.write == "" {
		_, err := f.print(ctx, s, view, args, "")
		return err
	}
	file, err := createCopy(f.write) // before the work that it would be the end of
	if err != nil {
		return failWith(exitUsage, err)
	}
	in, err := f.print(ctx, s, view, args, "-w")
	return errors.Join(f.writeCopy(ctx, file, view, in), err)
}

// print prints captures and gives them, nil if it was interrupted before it
// could begin or what failed was to open them.
func (f *traceFlags) print(ctx context.Context, s streams, view *view, args []string, twice string) (*inputs, error) {
	in, err := unlessEnded(ctx, func() (*inputs, error) {
		in, err := f.inputs(args, twice)
		if err == nil {
			err = in.open(s.in)
		}
		return in, err
	})
	switch {
	case interrupted(err):
		return nil, view.run(ctx, nothing{}, dissect.Options{}, nil)
	case err != nil:
		return nil, err
	}
	defer in.close(ctx)
	return in, view.run(ctx, in.src, dissect.Options{Sources: in.paths, Keys: in.keys, Hash: f.hash, Hold: hold(in.src)}, in.src.Damage)
}

// inputs are captures, and the secrets given with and inside of them.
type inputs struct {
	paths []string
	keys  *dissect.Keys
	src   *pcap.Source // nil: not open
}

// inputs finds captures and reads all secrets. twice is the flag for which the
// captures are read a second time, if there is one.
func (f *traceFlags) inputs(args []string, twice string) (*inputs, error) {
	paths, err := captureFiles(args)
	if err != nil {
		return nil, failWith(exitUsage, err)
	}
	for _, path := range paths {
		if twice != "" && !rereadable(path) {
			return nil, failWith(exitUsage, fmt.Errorf("%s reads a capture twice, which %s does not allow", twice, inputName(path)))
		}
	}
	keys, err := dissect.LoadKeys(f.keys)
	if err != nil {
		return nil, failWith(exitUsage, err)
	}
	if err := secretsInside(paths, keys); err != nil {
		return nil, openFault(err)
	}
	return &inputs{paths: paths, keys: keys}, nil
}

// rereadable: no pipe. What is not there is told of when it is opened.
func rereadable(path string) bool {
	info, err := os.Stat(path)
	return path != "-" && (err != nil || info.Mode().IsRegular() || info.IsDir())
}

func inputName(path string) string {
	if path == "-" {
		return "standard input"
	}
	return path
}

func (in *inputs) open(stdin io.Reader) (err error) {
	if in.src, err = pcap.Open(in.paths, stdin); err != nil {
		return openFault(err)
	}
	in.src.OnSecrets(dissect.AddTo(in.keys))
	return nil
}

// close leaves alone what may still be read after an interruption: the program
// is about to end.
func (in *inputs) close(ctx context.Context) {
	if ctx.Err() == nil {
		in.src.Close()
	}
}

// openFault tells a capture that cannot be opened from one that is none.
func openFault(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return failWith(exitPermission, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EISDIR):
		return failWith(exitUsage, err)
	}
	return failWith(exitDamaged, err)
}

// hold: the secrets in files are read ahead, those in a stream may come late.
func hold(src *pcap.Source) int {
	if src.SecretsMayCome() {
		return liveHold
	}
	return 0
}

// captureFiles takes a name with * or ? that is no file for a pattern: on some
// systems the shell leaves that to us.
func captureFiles(args []string) (paths []string, err error) {
	for _, arg := range args {
		if arg == "-" || !strings.ContainsAny(arg, "*?[") || exists(arg) {
			paths = append(paths, arg)
			continue
		}
		found, err := filepath.Glob(arg)
		if err != nil {
			return nil, fmt.Errorf("read pattern %q: %w", arg, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("open %q: no file matches", arg)
		}
		paths = append(paths, found...)
	}
	return paths, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// secretsInside reads the secrets in files ahead, because they may lie behind
// the packets they open. Only pcapng has them.
func secretsInside(paths []string, keys *dissect.Keys) error {
	for _, path := range paths {
		if path == "-" || !rereadable(path) {
			continue
		}
		if err := readSecrets(path, dissect.AddTo(keys)); err != nil {
			return err
		}
	}
	return nil
}

func readSecrets(path string, add func(pcap.Secrets)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil || !mayHoldSecrets(magic) {
		return nil
	}
	_ = dissect.SecretsOf(f, path, add) // what is wrong with it is said when its packets are read
	return nil
}

// mayHoldSecrets: pcapng, gzip, zstd.
func mayHoldSecrets(magic [4]byte) bool {
	return magic == [4]byte{0x0a, 0x0d, 0x0d, 0x0a} || magic[0] == 0x1f && magic[1] == 0x8b ||
		magic == [4]byte{0x28, 0xb5, 0x2f, 0xfd}
}

// bounds are the times given by --from and --to.
type bounds struct {
	from, to           time.Time
	fromAfter, toAfter time.Duration // relative to the first packet
	relative           [2]bool
}

func (f *traceFlags) bounds() (b bounds, err error) {
	read := func(s string, at *time.Time, after *time.Duration, relative *bool) error {
		if s == "" {
			return nil
		}
		var err error
		if *after, err = time.ParseDuration(s); err == nil {
			*relative = true
			return nil
		}
		if *at, err = time.Parse(time.RFC3339Nano, s); err != nil {
			return fmt.Errorf("read time %q: expected RFC 3339 (2026-11-21T10:00:00Z) or a duration from the start (90s)", s)
		}
		return nil
	}
	return b, errors.Join(read(f.from, &b.from, &b.fromAfter, &b.relative[0]), read(f.to, &b.to, &b.toAfter, &b.relative[1]))
}

// take tells whether a time lies in the bounds of a capture whose first packet
// came at first.
func (b *bounds) take(at, first time.Time) bool {
	from, to := b.from, b.to
	if b.relative[0] {
		from = first.Add(b.fromAfter)
	}
	if b.relative[1] {
		to = first.Add(b.toAfter)
	}
	return (from.IsZero() || !at.Before(from)) && (to.IsZero() || !at.After(to))
}

// selection is what of a capture is wanted.
type selection struct {
	filter *query.Filter // nil: all
	conns  map[string]bool
	bounds bounds

	first atomic.Int64 // time of the first packet
}

func (f *traceFlags) selection() (*selection, error) {
	sel := &selection{}
	var err error
	if f.filter != "" {
		if sel.filter, err = query.Parse(f.filter); err != nil {
			return nil, err
		}
	}
	for _, id := range f.conn {
		if sel.conns == nil {
			sel.conns = map[string]bool{}
		}
		sel.conns["c"+strings.TrimPrefix(id, "c")] = true
	}
	sel.bounds, err = f.bounds()
	return sel, err
}

// chooses tells whether anything is left out.
func (s *selection) chooses() bool {
	return s.filter != nil || s.conns != nil || s.bounds != (bounds{})
}

func (s *selection) exchange(c *flow.Conn, x *flow.Exchange) bool {
	began := x.Started
	if began.IsZero() { // its request was not captured
		began = x.Responded
	}
	return s.named(c) && s.within(began) && (s.filter == nil || s.filter.Exchange(c, x))
}

func (s *selection) conn(c *flow.Conn) bool {
	return s.named(c) && s.within(c.Started) && (s.filter == nil || s.filter.Conn(c))
}

func (s *selection) within(at time.Time) bool {
	return s.bounds.take(at, time.Unix(0, s.first.Load()))
}

func (s *selection) named(c *flow.Conn) bool { return s.conns == nil || s.conns[c.ID.String()] }
