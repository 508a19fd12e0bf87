package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

var (
	traceColumns  = []column{{"seconds", "%.2f"}, {"MB/s", "%.0f"}, {"CPU seconds", "%.2f"}, {"peak MB", "%.0f"}}
	memoryColumns = []column{{"peak MB", "%.0f"}, {"MB/s", "%.0f"}, {"MB read", "%.0f"}}
	shortColumns  = []column{{"CPU ns/packet", "%.0f"}, {"seconds", "%.2f"}, {"packets", "%.0f"}, {"peak MB", "%.0f"}}
	openColumns   = []column{{"KB/connection", "%.2f"}, {"MB with few", "%.0f"}, {"MB with many", "%.0f"}}
)

// traceDoubt looks at "seconds" and "CPU seconds": a program that had less than
// most of a processor shared it with others.
func traceDoubt(medians []float64) string {
	if had := medians[2] / medians[0]; had < 0.75 {
		return fmt.Sprintf("it had %.2f of a processor; other programs had the rest", had)
	}
	return ""
}

// tsharkExchanges asks for the fields of an exchange record in the form that
// costs tshark least. Without the preference it loses exchanges at segments out
// of order, which two cores make even on loopback.
var tsharkExchanges = []string{"-o", "tcp.reassemble_out_of_order:TRUE", "-Y", "http", "-T", "fields", "-e", "frame.time_epoch", "-e", "tcp.stream",
	"-e", "http.request.method", "-e", "http.host", "-e", "http.request.uri", "-e", "http.request.line",
	"-e", "http.response.code", "-e", "http.response.line", "-e", "http.content_length"}

var (
	isExchange   = regexp.MustCompile(`^\{"type":"exchange".*"status":200\b`)
	isConnection = regexp.MustCompile(`^\{"type":"connection"`)
	isResponse   = regexp.MustCompile(`^[^\t]*\t[^\t]*\t\t\t\t\t200\t`)
	isHello      = regexp.MustCompile(`Client Hello`)
)

// tools are the two programs compared.
type tools struct{ tshark, fanlight reader }

func (b *bench) tools() (t tools, err error) {
	t = tools{reader{name: "tshark"}, reader{name: "fanlight", own: true}}
	if t.tshark.program, err = exec.LookPath("tshark"); err != nil {
		return t, err
	}
	t.tshark.version = firstLine(exec.Command("tshark", "-v").Output())
	t.fanlight.program, t.fanlight.version, err = buildFanlight(b)
	return t, err
}

func (r reader) with(record *regexp.Regexp, args ...string) reader {
	r.args, r.record = args, record
	return r
}

// traceHTTPS compares full exchange records of a capture with its key log.
func traceHTTPS(b *bench) ([]subject, error) {
	made, t, err := b.httpsCapture()
	if err != nil {
		return nil, err
	}
	return b.traceFile(made, made.Exchanges,
		t.tshark.with(isResponse, append([]string{"-n", "-r", made.Capture, "-o", "tls.keylog_file:" + made.Keys}, tsharkExchanges...)...),
		t.fanlight.with(isExchange, "trace", made.Capture, "--jsonl", "--keys", made.Keys))
}

// traceHellos compares what is in clear, of the same traffic without its keys.
func traceHellos(b *bench) ([]subject, error) {
	made, t, err := b.httpsCapture()
	if err != nil {
		return nil, err
	}
	return b.traceFile(made, made.Connections,
		t.tshark.with(isHello, "-n", "-r", made.Capture, "-Y", "tls.handshake.type==1"),
		t.fanlight.with(isConnection, "trace", made.Capture, "--jsonl"))
}

func (b *bench) httpsCapture() (recorded, tools, error) {
	t, err := b.tools()
	if err != nil {
		return recorded{}, t, err
	}
	made, err := b.record(recording{Name: "https", Bytes: b.capture * 1_000_000, Largest: 1 << 20,
		Connections: 2 * b.capture, Parallel: 32})
	return made, t, err
}

// traceFile has readers read a file that each must find so many records in.
func (b *bench) traceFile(made recorded, records int, readers ...reader) (subjects []subject, err error) {
	for _, r := range readers {
		s := subject{name: r.name, version: r.version, own: r.own, missing: r.check(b.ctx, records)}
		s.measure = func(ctx context.Context) ([]float64, error) {
			got, err := r.read(ctx, nil)
			return []float64{got.elapsed.Seconds(), megabytes(made.Size) / got.elapsed.Seconds(), got.cpu.Seconds(), got.peak}, err
		}
		subjects = append(subjects, s)
	}
	return subjects, nil
}

// traceFindings compares looking for causes with not looking, in captures of
// long HTTPS, of short HTTP connections and of faults together.
func traceFindings(b *bench) ([]subject, error) {
	t, err := b.tools()
	if err != nil {
		return nil, err
	}
	made, err := b.record(recording{Name: "https", Bytes: b.capture * 280_000, Largest: 1 << 20, Connections: b.capture / 2, Parallel: 32})
	if err != nil {
		return nil, err
	}
	short, err := b.record(recording{Name: "short", Plain: true, Bytes: 20 << 10, Largest: 1 << 10, Connections: 20, Parallel: 20})
	if err != nil {
		return nil, err
	}
	many := 20 * b.capture
	file, _, err := b.repeated("many.pcap", short, many)
	if err != nil {
		return nil, err
	}
	sick, err := filepath.Glob("testdata/captures/sick/*.pcapng")
	if err != nil {
		return nil, err
	}
	failing, err := t.fanlight.with(isConnection, append([]string{"trace", "--jsonl", "--no-findings"}, sick...)...).records(b.ctx)
	if err != nil {
		return nil, fmt.Errorf("count what failed: %w", err)
	}
	args := append([]string{"trace", made.Capture, file, "--jsonl", "--keys", made.Keys}, sick...)
	plain, judged := t.fanlight.with(isConnection, append(args, "--no-findings")...), t.fanlight.with(isConnection, args...)
	plain.name, judged.name = "without rules", "with rules"
	return b.traceFile(made, made.Connections+many+failing, plain, judged)
}

// traceMemory streams a long capture through standard input. tshark gets a
// tenth of it: its memory grows.
func traceMemory(b *bench) ([]subject, error) {
	t, err := b.tools()
	if err != nil {
		return nil, err
	}
	base, err := b.record(recording{Name: "base", Bytes: 50_000_000, Largest: 1 << 20, Connections: 100, Parallel: 32})
	if err != nil {
		return nil, err
	}
	tshark := t.tshark.with(nil, append([]string{"-n", "-r", "-", "-o", "tls.keylog_file:" + base.Keys}, tsharkExchanges...)...)
	fanlight := t.fanlight.with(isExchange, "trace", "-", "--jsonl", "--keys", base.Keys)
	long := 4 * int64(b.capture) * 1_000_000
	return []subject{
		b.streamSubject(tshark, "tshark, a tenth", base, long/10),
		b.streamSubject(fanlight, "fanlight, a tenth", base, long/10),
		b.streamSubject(fanlight, "fanlight", base, long),
	}, t.fanlight.with(isExchange, "trace", base.Capture, "--jsonl", "--keys", base.Keys).check(b.ctx, base.Exchanges)
}

func (b *bench) streamSubject(r reader, name string, base recorded, least int64) subject {
	return subject{name: name, version: r.version, own: r.own, measure: func(ctx context.Context) ([]float64, error) {
		var size int64
		got, err := r.streamed(ctx, func(to io.Writer) error {
			var err error
			_, size, err = (&repetition{base: base}).write(ctx, to, func(_ int, size int64) bool { return size >= least })
			return err
		})
		return []float64{got.peak, megabytes(size) / got.elapsed.Seconds(), megabytes(size)}, err
	}}
}

// traceMany compares many short connections with few.
func traceMany(b *bench) ([]subject, error) {
	t, err := b.tools()
	if err != nil {
		return nil, err
	}
	base, err := b.record(recording{Name: "short", Plain: true, Bytes: 20 << 10, Largest: 1 << 10, Connections: 20, Parallel: 20})
	if err != nil {
		return nil, err
	}
	few, many := 10*b.capture, 100*b.capture
	fewFile, fewPackets, err := b.repeated("few.pcap", base, few)
	if err != nil {
		return nil, err
	}
	manyFile, manyPackets, err := b.repeated("many.pcap", base, many)
	if err != nil {
		return nil, err
	}
	read := func(name string, r reader, packets, connections int) subject {
		s := subject{name: name, version: r.version, own: r.own, missing: r.check(b.ctx, connections)}
		s.measure = func(ctx context.Context) ([]float64, error) {
			got, err := r.read(ctx, nil)
			return []float64{got.cpu.Seconds() * 1e9 / float64(packets), got.elapsed.Seconds(), float64(packets), got.peak}, err
		}
		return s
	}
	tshark := append([]string{"-n", "-r", manyFile}, tsharkExchanges...)
	return []subject{
		read("fanlight, a tenth", t.fanlight.with(isConnection, "trace", fewFile, "--jsonl"), fewPackets, few),
		read("fanlight", t.fanlight.with(isConnection, "trace", manyFile, "--jsonl"), manyPackets, many),
		read("tshark", t.tshark.with(isResponse, tshark...), manyPackets, many),
	}, nil
}

// repeated writes a capture with so many connections.
func (b *bench) repeated(name string, base recorded, connections int) (file string, packets int, err error) {
	file = filepath.Join(b.dir, name)
	f, err := os.Create(file)
	if err != nil {
		return "", 0, err
	}
	rounds, _, err := (&repetition{base: base}).write(b.ctx, f, func(rounds int, _ int64) bool { return rounds*base.Connections >= connections })
	if e := f.Close(); err == nil {
		err = e
	}
	return file, rounds * base.Packets, err
}

// traceOpen measures what memory one more connection takes that is open and
// idle after one exchange.
func traceOpen(b *bench) ([]subject, error) {
	t, err := b.tools()
	if err != nil {
		return nil, err
	}
	one := recording{Bytes: 1 << 10, Largest: 1 << 10, Connections: 1, Parallel: 1}
	one.Name = "https"
	https, err := b.record(one)
	if err != nil {
		return nil, err
	}
	one.Name, one.Plain = "http", true
	http, err := b.record(one)
	if err != nil {
		return nil, err
	}
	tshark := append([]string{"-n", "-r", "-"}, tsharkExchanges...)
	return []subject{
		b.openSubject(t.tshark.with(nil, tshark...), "tshark, HTTP", http),
		b.openSubject(t.fanlight.with(nil, "trace", "-", "--jsonl"), "fanlight, HTTP", http),
		b.openSubject(t.fanlight.with(nil, "trace", "-", "--jsonl"), "fanlight, HTTPS without keys", https),
		b.openSubject(t.fanlight.with(nil, "trace", "-", "--jsonl", "--keys", https.Keys), "fanlight, HTTPS with keys", https),
	}, nil
}

func (b *bench) openSubject(r reader, name string, base recorded) subject {
	few, many := b.capture, 20*b.capture // no more than a program may follow at a time
	memory := func(ctx context.Context, connections int) (float64, error) {
		n, err := r.idleMemory(ctx, func(to io.Writer) error {
			_, _, err := (&repetition{base: base, open: true}).write(ctx, to, func(rounds int, _ int64) bool { return rounds == connections })
			return err
		})
		return float64(n), err
	}
	return subject{name: name, version: r.version, own: r.own, measure: func(ctx context.Context) ([]float64, error) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
		defer cancel()
		low, err := memory(ctx, few)
		if err != nil {
			return nil, err
		}
		high, err := memory(ctx, many)
		return []float64{(high - low) / 1024 / float64(many-few), low / (1 << 20), high / (1 << 20)}, err
	}}
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }
