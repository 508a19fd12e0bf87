// Package replay judges recorded requests by policies of the WAF other than
// those they met, and says what would change.
package replay
