package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// proxiedH2 is proxied with HTTP/2 for clients; origins get HTTP/1.1 of all.
func proxiedH2(b *bench) ([]subject, error) {
	r, err := b.routeTo("http")
	if err != nil {
		return nil, err
	}
	r.http2, r.kept = true, connections*streams+100
	return b.subjects(peers, r,
		func(b *bench, p peer, r route) subject { return loadedSubject(b, p, r, runH2load) })
}

const streams = 16

// runH2load keeps 64 connections with 16 streams each busy for d.
func runH2load(ctx context.Context, url string, d time.Duration) (load, error) {
	cmd := exec.CommandContext(ctx, "taskset", "-c", loadCPU, "h2load", "-t1", fmt.Sprintf("-c%d", connections),
		fmt.Sprintf("-m%d", streams), fmt.Sprintf("-D%d", max(1, int(d.Seconds()))), "-H", ":authority: "+benchName, url)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("run h2load: %w: %.200s", err, bytes.TrimSpace(out))
	}
	return parseH2load(string(out))
}

var (
	h2loadProtocol = regexp.MustCompile(`(?m)^Application protocol: (\S+)`)
	h2loadPerSec   = regexp.MustCompile(`finished in [\d.]+\w+, ([\d.]+) req/s`)
	h2loadRequests = regexp.MustCompile(`(?m)^requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
	h2loadStatuses = regexp.MustCompile(`(?m)^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx`)
)

// parseH2load reads h2load's report, with the strictness of parseWrk.
func parseH2load(report string) (load, error) {
	if p := h2loadProtocol.FindStringSubmatch(report); p == nil || p[1] != "h2" {
		return load{}, errors.New("load got no HTTP/2")
	}
	perSec, requests, statuses := h2loadPerSec.FindStringSubmatch(report), h2loadRequests.FindStringSubmatch(report), h2loadStatuses.FindStringSubmatch(report)
	if perSec == nil || requests == nil || statuses == nil {
		return load{}, fmt.Errorf("read h2load's report: %.200q", report)
	}
	for _, bad := range append(requests[2:], statuses[2:]...) {
		if bad != "0" {
			return load{}, fmt.Errorf("load saw %s; %s", requests[0], statuses[0])
		}
	}
	var l load
	var err [2]error
	l.requests, err[0] = strconv.ParseInt(requests[1], 10, 64)
	l.perSec, err[1] = strconv.ParseFloat(perSec[1], 64)
	if l.requests == 0 {
		return load{}, errors.New("load got no answer")
	}
	return l, errors.Join(err[:]...)
}
