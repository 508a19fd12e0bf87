package httpwire

// DefaultWindow is what may be sent before the receiver says more (RFC 9113,
// section 6.9.2).
const DefaultWindow = 65_535

// SendWindow is how much may still be sent, on a stream or a connection
// (RFC 9113, section 5.2). It is below zero after its initial size was lowered.
type SendWindow struct{ room int32 }

// NewSendWindow makes a window of a size.
func NewSendWindow(size uint32) SendWindow { return SendWindow{int32(size)} }

// Room is how much may be sent now, never below zero.
func (w *SendWindow) Room() int { return max(int(w.room), 0) }

// Take uses up n bytes, which must not be more than there is room for.
func (w *SendWindow) Take(n int) { w.room -= int32(n) }

// Add takes what WINDOW_UPDATE or a changed initial size gives or takes away;
// false if the window would be larger than MaxWindow, which is a flow-control
// error.
func (w *SendWindow) Add(n int64) bool {
	sum := int64(w.room) + n
	if sum > MaxWindow || sum < -MaxWindow {
		return false
	}
	w.room = int32(sum)
	return true
}

// ReceiveWindow is what the other side may still send to us.
type ReceiveWindow struct {
	size int32 // at its widest
	room int32
	used int32 // bytes done with that the other side has not been told of
}

// NewReceiveWindow makes a window of a size.
func NewReceiveWindow(size uint32) ReceiveWindow {
	return ReceiveWindow{size: int32(size), room: int32(size)}
}

// Take counts n bytes that came; false if there was no room for them, which is
// a flow-control error.
func (w *ReceiveWindow) Take(n int) bool {
	if n > int(w.room) {
		return false
	}
	w.room -= int32(n)
	return true
}

// Release takes note that n bytes are done with. It gives what to announce by
// WINDOW_UPDATE, 0 while that is less than half of the window.
func (w *ReceiveWindow) Release(n int) (increment uint32) {
	if w.used += int32(n); w.used < (w.size+1)/2 {
		return 0
	}
	increment = uint32(w.used)
	w.room += w.used
	w.used = 0
	return increment
}
