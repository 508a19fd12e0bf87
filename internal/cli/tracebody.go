package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fanlight/internal/dissect"
	"fanlight/internal/flow"
	"fanlight/internal/pcap"
)

// extract writes one body. A first run gives the exchanges the names that trace
// prints, a second one reads the body.
func (f *traceFlags) extract(ctx context.Context, s streams, args []string) error {
	name, which, _ := strings.Cut(f.body, ":")
	number, err := strconv.ParseUint(strings.TrimPrefix(name, "x"), 10, 64)
	if err != nil || which != "" && which != "request" && which != "response" {
		return failWith(exitUsage, fmt.Errorf("--body %s: expected an exchange as trace prints it, such as x12 or x12:request", f.body))
	}
	defer onceMore(ctx)()
	in, err := unlessEnded(ctx, func() (*inputs, error) { return f.inputs(args, "--body") })
	if err != nil {
		return bodyFault(err)
	}
	names := dissect.New(dissect.Options{Keys: in.keys, Places: true})
	if err := analyse(ctx, names, in.paths); err != nil {
		return bodyFault(err)
	}
	place, found := names.Place(flow.ExchangeID(number))
	if !found {
		return failWith(exitUsage, fmt.Errorf("--body %s: the capture has no such exchange", f.body))
	}
	out := bufio.NewWriterSize(s.out, 64<<10)
	body := &dissect.Body{Of: place, Request: which == "request", To: out}
	if err := analyse(ctx, dissect.New(dissect.Options{Keys: in.keys, Body: body}), in.paths); err != nil {
		return bodyFault(err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write body: %w", err)
	}
	return nil
}

// analyse runs over captures; their damage is not its business.
func analyse(ctx context.Context, a *dissect.Analyzer, paths []string) error {
	src, err := pcap.Open(paths, nil)
	if err != nil {
		return openFault(err)
	}
	_, err = a.Run(ctx, src)
	if !interrupted(err) { // else it may still be read
		src.Close()
	}
	return err
}

func bodyFault(err error) error {
	if interrupted(err) {
		return errors.New("write body: interrupted")
	}
	return err
}
