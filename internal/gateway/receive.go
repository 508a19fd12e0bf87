package gateway

import (
	"errors"
	"io"

	"fanlight/internal/httpconn"
	"fanlight/internal/httpwire"
	"fanlight/internal/origin"
)

// receive reads the response and carries it to the client.
func (k *carriage) receive() *origin.Failure {
	for {
		h, err := k.leg.ReadHead()
		if err != nil {
			return k.unanswered(err)
		}
		if h.Status >= 200 || h.Status == 101 {
			return k.respond(h)
		}
		if h.Status == 100 {
			continue // ours was sent when the body was asked for
		}
		if err := k.x.Interim(h.Status, interimFields(h)); err != nil {
			return k.clientLost(err)
		}
	}
}

// unanswered is the failure of a wait for a response head. When the request
// could not be sent, that is the cause.
func (k *carriage) unanswered(err error) *origin.Failure {
	if k.pump != nil && k.pump.done() && k.pump.failed != nil {
		k.unsent = k.pump.failed
	}
	if k.unsent != nil {
		return k.leg.Fail(origin.PhaseSend, k.unsent)
	}
	return k.leg.Fail(origin.PhaseFirstByte, err)
}

func interimFields(h *httpwire.Head) []byte {
	var b []byte
	for i := range h.Fields {
		f := h.Fields[i]
		if !h.HopByHop(f) {
			b = httpwire.AppendField(b, string(h.Bytes(f.Name)), string(h.Bytes(f.Value)))
		}
	}
	return b
}

func (k *carriage) respond(h *httpwire.Head) *origin.Failure {
	if f := k.retracted(h.Status); f != nil {
		return f
	}
	k.r.phase.Store(phaseBody)
	if k.challengedShared(h) {
		return nil
	}
	k.challenge(h)
	k.m.Answered(h.Status)
	if h.Status == 101 {
		return k.tunnel(h)
	}
	leg, x := k.leg, k.x
	if leg.Pinned() && !h.KeepAlive() {
		x.CloseAfter("the origin closes the connection this client had signed in on")
	}
	if k.pump != nil && !leg.Whole() && (!h.KeepAlive() || h.Status >= 400) {
		x.CloseAfter(answeredEarly)
	}
	if page := k.replacement(h.Status); page != nil {
		return k.replace(h, page)
	}
	k.r.facts.status = h.Status
	buf := k.s.g.Buffers.Body()
	defer k.s.g.Buffers.PutBody(buf)
	fields := k.appendSticky(appendResponseFields((*buf)[:0], h, &k.r.facts))
	k.r.responded(h.Status)
	if err := x.Respond(h.Status, k.reasonText(h), fields, k.responseLength(h)); err != nil {
		return k.clientLost(err)
	}
	return k.body(*buf)
}

// reasonText is the origin's reason phrase, the usual one where its protocol has
// none; that costs no allocation.
func (k *carriage) reasonText(h *httpwire.Head) string {
	if usual := reasonOf(h.Status); usual == string(h.Bytes(h.Reason)) || k.leg.Shared() {
		return usual
	}
	return string(h.Bytes(h.Reason))
}

// responseLength is the length to announce: for a response without a body the
// one the origin announced, if it did.
func (k *carriage) responseLength(h *httpwire.Head) int64 {
	if k.x.Request().Method != "HEAD" && h.Status != 304 {
		return k.leg.Length()
	}
	if v := h.Get("Content-Length"); v != nil {
		if n, ok := parseLength(v); ok {
			return n
		}
	}
	return -1
}

func parseLength(v []byte) (n int64, ok bool) {
	for _, c := range v {
		if c < '0' || c > '9' || n > 1<<58 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(v) > 0
}

// body carries the response body. The caller lends the buffer; a body that fills
// it gets a larger one.
func (k *carriage) body(buf []byte) *origin.Failure {
	leg, x, buffers := k.leg, k.x, k.s.g.Buffers
	var large *[]byte
	defer func() { buffers.PutLarge(large) }()
	for {
		n, err := leg.ReadBody(buf)
		if n > 0 {
			if _, werr := x.Write(buf[:n]); werr != nil {
				return k.clientLost(werr)
			}
		}
		switch {
		case err == nil:
			if large == nil && n == len(buf) {
				large = buffers.Large()
				buf = (*large)[:httpconn.LargePiece]
			}
			if leg.Buffered() > 0 {
				continue
			}
			if err := x.Flush(); err != nil { // what the origin sends slowly must not wait here
				return k.clientLost(err)
			}
		case errors.Is(err, io.EOF):
			return k.finish()
		default:
			f := leg.Fail(origin.PhaseBetween, err)
			f.Dead = false
			return f
		}
	}
}

func (k *carriage) finish() *origin.Failure {
	x := k.x
	if err := x.Finish(k.leg.Trailers()); err != nil {
		return k.clientLost(err)
	}
	k.conclude()
	return nil
}

// conclude gives the connection back. The response is whole; the request may
// still be on its way.
func (k *carriage) conclude() {
	if k.pump != nil {
		k.pump.settle()
	}
	k.release()
}

// release gives the connection back, or keeps it for this client.
func (k *carriage) release() {
	k.r.awaits(nil)
	if k.leg.Release() {
		return
	}
	k.s.untie(k.leg)
	if k.leg.Pinned() {
		k.x.CloseAfter("the origin closed the connection this client had signed in on")
	}
}

// clientLost ends an exchange whose client does not take the response.
func (k *carriage) clientLost(err error) *origin.Failure {
	k.s.untie(k.leg)
	why := "client gone"
	if errors.Is(err, errReplaced) {
		why = "its response was refused"
	}
	k.leg.Abandon(why)
	k.x.Truncate("write response: " + err.Error())
	return nil
}
