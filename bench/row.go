package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
)

// rows are all benchmarks, in the order they run.
var rows = []row{
	{
		name:    "proxied-h1",
		title:   "proxied HTTPS/1.1, 1 KB, keep-alive, 64 connections, one core each for server and load; plain origin",
		columns: proxiedColumns,
		setup:   func(b *bench) ([]subject, error) { return proxied(b, "http") },
		bar:     1.0,
		doubt:   proxiedDoubt,
	},
	{
		name:    "proxied-h1-https-origin",
		title:   "proxied HTTPS/1.1, 1 KB, keep-alive, 64 connections, one core each for server and load; HTTPS origin",
		columns: proxiedColumns,
		setup:   func(b *bench) ([]subject, error) { return proxied(b, "https") },
		bar:     1.3,
		doubt:   proxiedDoubt,
	},
	{
		name:    "proxied-h2",
		title:   "the same over HTTP/2: 64 connections with 16 streams each; plain HTTP/1.1 origin",
		columns: proxiedColumns,
		setup:   proxiedH2,
		bar:     1.0,
		doubt:   proxiedDoubt,
	},
	{
		name:    "bodies",
		title:   "proxied HTTPS/1.1, responses of 10 MB, 8 connections; plain origin that sends a file",
		columns: bodyColumns,
		setup:   bodies,
		bar:     0.7,
		doubt:   bodyDoubt,
	},
	{
		name:    "handshakes",
		title:   "full TLS 1.3 handshakes, certificate and key exchange P-256, 8 at a time; the connection is closed behind the handshake",
		columns: shakeColumns,
		setup:   func(b *bench) ([]subject, error) { return handshakes(b, false) },
		bar:     0.95,
		best:    true,
	},
	{
		name:    "handshakes-resumed",
		title:   "resumed TLS 1.3 handshakes with key exchange P-256, 8 at a time",
		columns: shakeColumns,
		setup:   func(b *bench) ([]subject, error) { return handshakes(b, true) },
		bar:     0.95,
		best:    true,
	},
	{
		name:    "latency",
		title:   "proxied HTTPS/1.1, 1 KB, 64 kept connections, requests at a steady rate: half of what nginx carries, at most 8000/s; plain origin",
		columns: latencyColumns,
		setup:   latency,
		bar:     1.2,
	},
	{
		name:    "idle-memory",
		title:   "resident memory for each of 10,000 TLS 1.3 connections that are idle after one request, 5 s after the last of them",
		columns: idleColumns,
		setup:   idleMemory,
		bar:     1.2,
	},
	{
		name:    "recording",
		title:   "the row proxied-h1, recording off, in memory, and on disk too",
		columns: proxiedColumns,
		setup:   recordingCosts,
		bar:     1.05,
		doubt:   proxiedDoubt,
	},
	{
		name:    "configured-sites",
		title:   "from the start of the program until the last of 10,000 sites of one address serves; then one site is changed: stopped and started, or its file read anew by reload",
		columns: configuredColumns,
		setup:   configuredSites,
		limit:   2,
		verdict: configuredVerdict,
	},
	{
		name:    "store-write",
		title:   "the same with records in memory alone, and on disk too",
		columns: proxiedColumns,
		setup:   storeWrite,
		bar:     1.05,
		doubt:   proxiedDoubt,
	},
	{
		name:    "store-page",
		title:   "the newest hundred of a million exchanges on disk that match",
		columns: searchColumns,
		setup:   storeSearch(fullPages),
		limit:   100,
	},
	{
		name:    "store-search",
		title:   "a hundred of a million exchanges on disk, of which few or none match",
		columns: searchColumns,
		setup:   storeSearch(searches),
		limit:   300,
	},
	{
		name:    "many-sites",
		title:   "200 sites on 20 addresses, 4000 requests/s on kept connections to 199 of them, while another site is stopped and started 50 times a second; the first row tells it to start only, so that door and load are as busy; turns of 0.25 s within one run",
		columns: manyColumns,
		setup:   manySites,
		bar:     1.25,
		doubt:   manyDoubt,
	},
	{
		name:    "reload",
		title:   "the configuration is changed and read anew 5 times a second (nginx by SIGHUP, HAProxy's master by SIGUSR2, Caddy over its API, Fanlight by SIGHUP, and by a new process that takes over), while clients that try nothing twice make connections of 50 requests and 20 WebSockets are open",
		columns: reloadColumns,
		setup:   reloads,
	},
	{
		name:    "attack",
		title:   "honest clients, 500 requests/s of 1 KB over HTTPS/1.1 on 20 kept connections, beside nobody and beside 500 connections of slowhttptest",
		columns: attackColumns,
		setup:   attacked,
		limit:   1.5,
	},
	{
		name:    "waf-get",
		title:   "proxied HTTPS/1.1 GET with three parameters past the Core Rule Set at paranoia level 1; no two requests alike, then always the same one; 16 connections",
		columns: wafColumns,
		setup:   wafRow(wafGet),
		limit:   100,
		doubt:   wafDoubt,
	},
	{
		name:    "waf-json",
		title:   "the same with POSTs of 10 KB of JSON; 2 connections",
		columns: wafColumns,
		setup:   wafRow(wafJSON),
		limit:   1500,
		doubt:   wafDoubt,
	},
	{
		name:    "waf-form",
		title:   "the same with POSTs of 100 KB of a form; 2 connections",
		columns: wafColumns,
		setup:   wafRow(wafForm),
		limit:   15000,
		doubt:   wafDoubt,
	},
	{
		name:    "waf-attack",
		title:   "the same with GETs that are refused with 403",
		columns: wafColumns,
		setup:   wafRow(wafAttack),
		bar:     0.5,
		doubt:   wafDoubt,
	},
	{
		name:    "waf-start",
		title:   "from the start of the program with the rule set until a request is answered",
		columns: wafStartColumns,
		setup:   wafStart,
		limit:   1.5,
	},
	{
		name:    "waf-memory",
		title:   "resident memory for each of ten further sites with an exclusion of its own, and with the same rules",
		columns: wafMemoryColumns,
		setup:   wafMemory,
		limit:   20,
	},
	{
		name:    "waf-latency",
		title:   "32 kept connections with ordinary GETs and 16 with attacks, 300 requests/s in all, without pause; what the ordinary ones wait",
		columns: wafLatencyColumns,
		setup:   wafLatency,
	},
	{
		name:    "trace-https",
		title:   "capture of HTTPS (TLS 1.2 and 1.3) in frames of at most 1,514 bytes, 2,000 connections a GB, with key log, to exchange records; tshark: method, host, target, status, header lists, content length as -T fields; page cache warm, output to /dev/null",
		columns: traceColumns,
		setup:   traceHTTPS,
		bar:     0.1,
		doubt:   traceDoubt,
	},
	{
		name:    "trace-hellos",
		title:   "such a capture without keys, to connection records; tshark: -Y tls.handshake.type==1",
		columns: traceColumns,
		setup:   traceHellos,
		bar:     0.2,
		doubt:   traceDoubt,
	},
	{
		name:    "trace-memory",
		title:   "peak memory for a long capture of HTTPS with key log from standard input; tshark is given a tenth of it",
		columns: memoryColumns,
		setup:   traceMemory,
		limit:   256,
	},
	{
		name:    "trace-many",
		title:   "processor time per packet for many short HTTP connections, one exchange each",
		columns: shortColumns,
		setup:   traceMany,
		bar:     1.2,
	},
	{
		name:    "trace-findings",
		title:   "captures of long HTTPS with key log, of 20 short HTTP connections a MB and of faults (testdata/captures/sick), explained with all rules and with none",
		columns: traceColumns,
		setup:   traceFindings,
		bar:     1.43, // 70 % of the speed
		doubt:   traceDoubt,
	},
	{
		name:    "trace-open",
		title:   "resident memory for each further connection of a capture that is open and idle after one exchange",
		columns: openColumns,
		setup:   traceOpen,
		limit:   4,
	},
}

// row is one benchmark: subjects that are measured in turn, round after round.
type row struct {
	name, title string
	columns     []column
	// setup starts what is compared; what it started is stopped by b.close.
	// The first subject is the one that ratios are taken to.
	setup func(b *bench) ([]subject, error)
	// bar is the highest ratio of our own subjects that is aimed at; 0: none.
	bar float64
	// limit is the highest first value of our own subjects that is aimed at; 0:
	// none.
	limit float64
	// best takes ratios to the lowest of the others, not to the first.
	best bool
	// verdict says more of the medians of one of our own subjects; nil: nothing.
	verdict func(medians []float64) string
	// doubt says why a subject's medians are not to be trusted; "": no doubt.
	doubt func(medians []float64) string
}

// column is one measured value. Ratios are taken of a row's first.
type column struct {
	name, format string
}

// subject is one thing that is measured.
type subject struct {
	name    string
	version string
	own     bool // Fanlight: must not be missing, and the bar is for it
	// measure gives one value for each column of the row, NaN for what there
	// was not to measure.
	measure func(ctx context.Context) ([]float64, error)
	// missing says why it cannot be measured.
	missing error
}

// bench is what a row has while it runs: a folder, and a list of what to undo.
type bench struct {
	settings
	ctx    context.Context
	dir    string
	closer []func()
}

// onClose has undo called when the row ends; last in, first out.
func (b *bench) onClose(undo func()) { b.closer = append(b.closer, undo) }

func (b *bench) close() {
	for _, undo := range slices.Backward(b.closer) {
		undo()
	}
}

func measureRow(ctx context.Context, r row, set settings) error {
	dir, err := os.MkdirTemp("", "fanlight-bench-")
	if err != nil {
		return err
	}
	b := &bench{settings: set, ctx: ctx, dir: dir}
	b.onClose(func() { os.RemoveAll(dir) })
	defer b.close()

	subjects, err := r.setup(b)
	if err != nil {
		return err
	}
	res := result{row: r, machine: machineFacts(), subjects: subjects, samples: make([][][]float64, len(subjects))}
	for round := range set.rounds {
		for i := range subjects {
			s := &subjects[i]
			if s.missing != nil {
				continue
			}
			values, err := s.measure(ctx)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				s.missing = fmt.Errorf("round %d: %w", round+1, err)
				continue
			}
			res.samples[i] = append(res.samples[i], values)
			fmt.Fprintf(os.Stderr, "%s round %d/%d %s: "+r.columns[0].format+" %s\n", r.name, round+1, set.rounds, s.name, values[0], r.columns[0].name)
		}
	}
	if err := res.publish(set.results); err != nil {
		return err
	}
	return ownMissing(subjects)
}

// ownMissing makes the run fail where Fanlight itself could not be measured.
func ownMissing(subjects []subject) error {
	var missing []error
	for _, s := range subjects {
		if s.own && s.missing != nil {
			missing = append(missing, fmt.Errorf("measure %s: %w", s.name, s.missing))
		}
	}
	return errors.Join(missing...)
}
