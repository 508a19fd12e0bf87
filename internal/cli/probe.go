package cli

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fanlight/internal/cert"
	"fanlight/internal/explain"
	"fanlight/internal/explain/rules"
	"fanlight/internal/flow"
	"fanlight/internal/machine"
	"fanlight/internal/probe"
)

// probeFlags are the flags of probe.
type probeFlags struct {
	via          string
	resolve      []string
	cert, key    string
	passwordFile string
	tlsMax       string
	ca           string
	timeout      time.Duration
	failOn       string
	output       outputFlags
}

func probeCommand(s streams) *cobra.Command {
	var f probeFlags
	c := &cobra.Command{
		Use:   "probe URL",
		Short: "Try a URL step by step, and say what is wrong",
		Long: `Do what people do by hand with curl: find the name's addresses, connect to each,
try TLS by version and without a server name, look at the certificate, ask by
HTTP/1.1 and HTTP/2, ask again on the same connection, see whether the server
wants a renegotiation, and follow redirects. Each step is timed and recorded;
then what went wrong is explained.

With --via the same is done through a gateway, what differs is told, and if one of
the ways fails, the first difference that matters.

A certificate that is not accepted is told of, and does not end the probe. Only
GET requests are sent, to the URL and where it redirects to, without a password.
Handshakes that only ask what the server accepts (one TLS version alone, no
server name) are not explained: a refusal is an answer there.`,
		Example: `  fanlight probe https://shop.test/
  fanlight probe https://shop.test/ --resolve shop.test:443:10.0.0.5 --ca origin-ca.pem
  fanlight probe https://shop.test/ --via 192.0.2.10:443
  fanlight probe https://shop.test/secure --client-cert me.pem --tls-max 1.2`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return f.probe(c.Context(), s, args[0])
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.via, "via", "", "also ask this `address` (with :PORT), a gateway, and compare")
	flags.StringArrayVar(&f.resolve, "resolve", nil, "`HOST:PORT:ADDRESS` to use in place of the name's address")
	flags.StringVar(&f.cert, "client-cert", "", "`file` with a client certificate, PEM or PFX")
	flags.StringVar(&f.key, "client-key", "", "`file` with its key, PEM; default: in the same file")
	flags.StringVar(&f.passwordFile, "client-password-file", "", "`file` with the password of a PFX")
	flags.StringVar(&f.tlsMax, "tls-max", "", "highest TLS `version`: 1.0, 1.1, 1.2, 1.3")
	flags.StringVar(&f.ca, "ca", "", "PEM `file` of an authority to trust beside the system's")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long a step may take")
	flags.StringVar(&f.failOn, "fail-on", "", "exit with 1 on findings of this severity or above: error, warning, note")
	f.output.add(c)
	return c
}

func (f *probeFlags) probe(ctx context.Context, s streams, url string) error {
	o, err := f.options(url)
	if err != nil {
		return failWith(exitUsage, err)
	}
	if _, err := severity(f.failOn); err != nil {
		return failWith(exitUsage, err)
	}
	began := time.Now()
	out := bufio.NewWriter(s.out)
	var print probePrinter = &probeText{out: out, gateway: f.via}
	if f.output.asked() {
		print = &probeJSON{jsonPrinter{out: out, lines: f.output.jsonl}}
	}
	o.Step = func(s probe.Step) {
		print.step(s)
		_ = out.Flush() // the error stays, and is told at the end
	}
	result := probe.Run(ctx, o)
	found := mergeAlike(explain.Run(rules.All(), result.Expected()))
	print.result(result, compareWays(result, f.via), found, summaryOf(result.Trace, found, began, ctx.Err() != nil))
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	if ctx.Err() != nil {
		fmt.Fprintln(s.err, "fanlight: interrupted: what was tried by then is printed")
	}
	return verdict(f.failOn, found)
}

// mergeAlike makes one of findings that say the same: a probe meets most
// troubles several times.
func mergeAlike(all []explain.Finding) (out []explain.Finding) {
	for _, f := range all {
		i := slices.IndexFunc(out, func(g explain.Finding) bool {
			return g.ID == f.ID && g.Severity == f.Severity && g.Confidence == f.Confidence && g.Cause == f.Cause
		})
		if i < 0 {
			out = append(out, f)
			continue
		}
		g := &out[i]
		g.Conns, g.Exchanges = union(g.Conns, f.Conns), union(g.Exchanges, f.Exchanges)
		g.Evidence = append(g.Evidence, f.Evidence...)
	}
	return out
}

func union[T comparable](a, b []T) []T {
	for _, v := range b {
		if !slices.Contains(a, v) {
			a = append(a, v)
		}
	}
	return a
}

func summaryOf(t *flow.Trace, found []explain.Finding, began time.Time, interrupted bool) flow.SummaryRecord {
	sum := flow.SummaryRecord{Type: "summary", Connections: len(t.Conns), Findings: len(found), Interrupted: interrupted,
		ElapsedMS: float64(time.Since(began)) / float64(time.Millisecond)}
	for _, c := range t.Conns {
		sum.Exchanges += len(c.Exchanges)
		sum.Bytes += c.ClientBytes + c.ServerBytes
	}
	return sum
}

func (f *probeFlags) options(url string) (o probe.Options, err error) {
	if o.URL, err = probe.ParseTarget(url); err != nil {
		return o, err
	}
	if f.via != "" {
		if o.Via, err = probe.ParseGateway(f.via, o.URL); err != nil {
			return o, err
		}
	}
	for _, text := range f.resolve {
		pin, err := probe.ParsePin(text)
		if err != nil {
			return o, err
		}
		o.Pins = append(o.Pins, pin)
	}
	if f.timeout <= 0 || f.timeout > time.Hour {
		return o, fmt.Errorf("--timeout %s: expected more than nothing and at most 1h", f.timeout)
	}
	o.Timeout, o.Hosts = f.timeout, hostsFile
	if o.MaxVersion, err = tlsVersion(f.tlsMax); err != nil {
		return o, err
	}
	if o.Roots, err = f.roots(); err != nil {
		return o, err
	}
	o.Certificate, err = f.certificate()
	return o, err
}

func tlsVersion(name string) (uint16, error) {
	switch name {
	case "":
		return 0, nil
	case "1.0":
		return tls.VersionTLS10, nil
	case "1.1":
		return tls.VersionTLS11, nil
	case "1.2":
		return tls.VersionTLS12, nil
	case "1.3":
		return tls.VersionTLS13, nil
	}
	return 0, fmt.Errorf("--tls-max %s: expected 1.0, 1.1, 1.2 or 1.3", name)
}

// roots are the system's and that of --ca.
func (f *probeFlags) roots() (*x509.CertPool, error) {
	if f.ca == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(f.ca)
	if err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without roots of its own
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read authority: %s: no certificate in PEM form found", f.ca)
	}
	return pool, nil
}

func (f *probeFlags) certificate() (*tls.Certificate, error) {
	if f.cert == "" {
		if f.key != "" || f.passwordFile != "" {
			return nil, errors.New("--client-key and --client-password-file go with --client-cert")
		}
		return nil, nil
	}
	spec := cert.Spec{File: f.cert, Key: f.key}
	if ext := strings.ToLower(filepath.Ext(f.cert)); ext == ".pfx" || ext == ".p12" {
		spec = cert.Spec{PFX: f.cert, PasswordFile: f.passwordFile}
	}
	return cert.LoadClient(spec)
}

// hostsFile gives what the hosts file has for a name; nothing if it cannot be
// read.
func hostsFile(name string) (out []netip.Addr) {
	entries, err := machine.SystemHosts().Entries()
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if slices.ContainsFunc(e.Names, func(n string) bool { return strings.EqualFold(n, name) }) {
			out = append(out, e.IP)
		}
	}
	return out
}
