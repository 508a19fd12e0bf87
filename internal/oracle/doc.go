// Package oracle tests the analyser against others: conversations of real
// servers and clients are captured, and what `fanlight trace` makes of them must
// be what tshark reads in the same file and what was sent.
package oracle
