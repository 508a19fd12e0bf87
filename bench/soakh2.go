package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// serveFaultsH2 starts an origin that speaks HTTP/2 over TLS and fails as it is
// asked to: what HTTP/1.1 does to a connection, it does to a stream.
func (s *soaking) serveFaultsH2() (addr string, err error) {
	pair, err := tls.LoadX509KeyPair(s.cert.file, s.cert.key)
	if err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	srv := &http.Server{
		Handler:   http.HandlerFunc(faultyStream),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}},
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	s.onClose(func() { srv.Close() })
	go srv.ServeTLS(l, "", "")
	return l.Addr().String(), nil
}

// faultyStream answers one request.
func faultyStream(w http.ResponseWriter, r *http.Request) {
	fault := faultOf(r.URL.Path)
	if !strings.HasPrefix(fault, "early") {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	body := r.RequestURI + "\n" + strings.Repeat("x", rand.IntN(8000))
	switch {
	case strings.HasPrefix(fault, "stall"):
		if fault == "stall-in-body" {
			_, _ = io.WriteString(w, body)
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Second):
		}
		return
	case strings.HasSuffix(fault, "-in-body"), strings.HasSuffix(fault, "-in-chunks"):
		_, _ = io.WriteString(w, body)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case fault == "reset", fault == "close", fault == "garbage", fault == "half-close", fault == "early-reset", strings.HasSuffix(fault, "-in-head"):
		panic(http.ErrAbortHandler)
	case fault == "early-error":
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	case fault == "no-body-status":
		w.WriteHeader(http.StatusNoContent)
		return
	case fault == "interim":
		w.Header().Set("Link", "</a>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
	case fault == "announced-close", fault == "whole-then-close":
		w.Header().Set("Connection", "close") // net/http makes GOAWAY of it
	case fault == "chunks":
		w.Header().Set("Trailer", "X-Sum")
		defer w.Header().Set("X-Sum", "1")
	case fault == "big":
		body += strings.Repeat("y", 200_000+rand.IntN(800_000))
	case fault == "slow":
		for range 5 {
			_, _ = io.WriteString(w, body[:len(body)/5])
			body = body[len(body)/5:]
			_ = http.NewResponseController(w).Flush()
			time.Sleep(5 * time.Millisecond)
		}
	}
	_, _ = io.WriteString(w, body)
}

// visitH2 makes some requests at a time on one connection of HTTP/2, and gives
// some of them up.
func (s *soaking) visitH2(n int) {
	s.tally.visited("HTTP/2")
	transport := &http.Transport{
		ForceAttemptHTTP2: true, MaxConnsPerHost: 1, DisableCompression: true,
		TLSClientConfig: &tls.Config{ServerName: benchName, InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", s.secure)
		},
	}
	defer transport.CloseIdleConnections()
	ctx, leave := context.WithTimeout(s.ctx, 10*time.Second)
	defer leave()
	var streams sync.WaitGroup
	for i := range 1 + rand.IntN(8) {
		streams.Go(func() { s.askH2(ctx, transport, fmt.Sprintf("%d-%d", n, i)) })
	}
	if rand.IntN(6) == 0 { // leaves with all its streams
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		leave()
	}
	streams.Wait()
}

// askH2 makes one request. What comes whole must be the answer to it.
func (s *soaking) askH2(ctx context.Context, transport *http.Transport, number string) {
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	fault := originFaults[min(rand.IntN(len(originFaults)), rand.IntN(len(originFaults)))]
	target := []string{"/", "/s/", "/h2/"}[rand.IntN(3)] + fault + "/" + number
	method, body := "GET", io.Reader(nil)
	if rand.IntN(3) == 0 {
		method, body = "POST", strings.NewReader(strings.Repeat("b", rand.IntN(60_000)))
		if rand.IntN(3) == 0 {
			body = io.MultiReader(body, failingReader{})
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://"+benchName+target, body)
	if err != nil {
		s.tally.wrong(err.Error())
		return
	}
	if rand.IntN(5) == 0 {
		time.AfterFunc(time.Duration(rand.IntN(100))*time.Millisecond, giveUp)
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		s.tally.answered(0)
		return
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	s.tally.answered(res.StatusCode)
	if err == nil && res.StatusCode == 200 && !strings.HasPrefix(string(got), target+"\n") {
		s.tally.wrong(fmt.Sprintf("the answer to %s over HTTP/2 is %.60q", target, got))
	}
}

// failingReader is the end of a body that its sender gives up.
type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("given up") }
