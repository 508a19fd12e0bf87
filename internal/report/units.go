package report

import (
	"strconv"
	"time"
)

// appendSize writes a number of bytes with at most three digits before the
// point: 940 B, 4.1 kB, 1.0 GB.
func appendSize(b []byte, n int64) []byte {
	if n < 1000 {
		return append(strconv.AppendInt(b, n, 10), " B"...)
	}
	v := float64(n)
	for _, unit := range [...]string{" kB", " MB", " GB"} {
		v /= 1000
		if v < 999.95 || unit == " GB" {
			return append(strconv.AppendFloat(b, v, 'f', 1, 64), unit...)
		}
	}
	return b
}

// appendSpan writes a duration as users write timers: 120.0 s, 45 ms, 80 us.
func appendSpan(b []byte, d time.Duration) []byte {
	switch {
	case d >= time.Second || d <= -time.Second:
		return append(strconv.AppendFloat(b, d.Seconds(), 'f', 1, 64), " s"...)
	case d >= time.Millisecond || d <= -time.Millisecond:
		return append(strconv.AppendInt(b, d.Round(time.Millisecond).Milliseconds(), 10), " ms"...)
	}
	return append(strconv.AppendInt(b, d.Microseconds(), 10), " us"...)
}

// appendOffset writes a time since a start as seconds with three decimals.
func appendOffset(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, d.Seconds(), 'f', 3, 64)
}
