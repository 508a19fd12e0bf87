// Command bench measures Fanlight side by side with other servers, and as a
// reader of captures with tshark, on this machine and over loopback, and prints
// ratio tables.
//
//	go run ./bench [-rounds N] [-duration D] [-capture MB] [row ...]
//	go run ./bench soak [-for D]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	rounds   int
	duration time.Duration // of one measurement
	results  string        // folder
	capture  int           // MB, of what the rows of captures read
}

func run(ctx context.Context, args []string) error {
	var set settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&set.rounds, "rounds", 5, "rounds; in each, every subject is measured once, in turn")
	flags.DurationVar(&set.duration, "duration", 4*time.Second, "length of one measurement, in whole seconds")
	flags.StringVar(&set.results, "results", "bench/results", "folder for the tables and the raw samples")
	flags.IntVar(&set.capture, "capture", 1000, "size in MB of the captures that are read; other numbers of their rows shrink with it")
	list := flags.Bool("list", false, "list the rows and end")
	load := flags.Bool("visit", false, "for the benchmark itself: be the load that standard input describes")
	shakes := flags.Bool("shake", false, "for the benchmark itself: make the handshakes that standard input describes")
	hold := flags.Bool("hold", false, "for the benchmark itself: hold the connections that standard input describes until it ends")
	traffic := flags.Bool("record", false, "for the benchmark itself: make and capture the traffic that standard input describes")
	if len(args) > 0 && args[0] == "soak" {
		return soakCommand(ctx, args[1:])
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *load {
		return visit(ctx, os.Stdin, os.Stdout)
	}
	if *shakes {
		return shake(ctx, os.Stdin, os.Stdout)
	}
	if *hold {
		return holdOpen(ctx, os.Stdin, os.Stdout)
	}
	if *traffic {
		return recordTraffic(ctx, os.Stdin, os.Stdout)
	}
	if *list {
		for _, r := range rows {
			fmt.Printf("%-24s %s\n", r.name, r.title)
		}
		return nil
	}
	chosen, err := choose(flags.Args())
	if err != nil {
		return err
	}
	if runtime.NumCPU() < 2 {
		return errors.New("pin server and load to a core each: this machine has only one")
	}
	var failed []error
	for _, r := range chosen {
		if err := measureRow(ctx, r, set); err != nil {
			failed = append(failed, fmt.Errorf("row %s: %w", r.name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}

// choose finds rows by name; no name means all.
func choose(names []string) ([]row, error) {
	if len(names) == 0 {
		return rows, nil
	}
	var chosen []row
	for _, name := range names {
		i := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
		if i < 0 {
			var known []string
			for _, r := range rows {
				known = append(known, r.name)
			}
			return nil, fmt.Errorf("choose row %q: known are %s", name, strings.Join(known, ", "))
		}
		chosen = append(chosen, rows[i])
	}
	return chosen, nil
}
