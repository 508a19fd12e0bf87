package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// load is what wrk or h2load reports.
type load struct {
	requests int64
	perSec   float64
	p99      time.Duration // 0: not reported
	bytes    float64       // read, heads and all
}

const connections = 64

// runWrk keeps 64 connections busy for d, from the load's core.
func runWrk(ctx context.Context, url string, d time.Duration) (load, error) {
	return wrkOn(ctx, connections, url, d)
}

func wrkOn(ctx context.Context, conns int, url string, d time.Duration) (load, error) {
	cmd := exec.CommandContext(ctx, "taskset", "-c", loadCPU, "wrk", "-t1", fmt.Sprintf("-c%d", conns),
		fmt.Sprintf("-d%ds", max(1, int(d.Seconds()))), "--latency", "-H", "Host: "+benchName, url)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("run wrk: %w: %.200s", err, bytes.TrimSpace(out))
	}
	return parseWrk(string(out))
}

var (
	wrkRequests = regexp.MustCompile(`(\d+) requests in `)
	wrkPerSec   = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	wrkP99      = regexp.MustCompile(`99%\s+([\d.]+(?:us|ms|s|m))\b`)
	wrkRead     = regexp.MustCompile(`, ([\d.]+)([KMGT]?)B read`)
	wrkErrors   = regexp.MustCompile(`Socket errors: .*|Non-2xx or 3xx responses: \d+`)
)

// parseWrk reads wrk's report. One failed request makes a measurement
// worthless.
func parseWrk(report string) (load, error) {
	if fault := wrkErrors.FindString(report); fault != "" {
		return load{}, errors.New("load saw " + fault)
	}
	requests, perSec, p99 := wrkRequests.FindStringSubmatch(report), wrkPerSec.FindStringSubmatch(report), wrkP99.FindStringSubmatch(report)
	if requests == nil || perSec == nil || p99 == nil {
		return load{}, fmt.Errorf("read wrk's report: %.200q", report)
	}
	var l load
	var err [4]error
	l.requests, err[0] = strconv.ParseInt(requests[1], 10, 64)
	l.perSec, err[1] = strconv.ParseFloat(perSec[1], 64)
	l.p99, err[2] = time.ParseDuration(p99[1])
	if read := wrkRead.FindStringSubmatch(report); read != nil {
		l.bytes, err[3] = strconv.ParseFloat(read[1], 64)
		if read[2] != "" {
			l.bytes *= float64(int64(1024) << (10 * strings.Index("KMGT", read[2])))
		}
	}
	if l.requests == 0 {
		return load{}, errors.New("load got no answer")
	}
	return l, errors.Join(err[:]...)
}
