// Package store keeps the recent events of all connections in fixed memory and
// gives them back as traces.
//
// The door hands over encoded batches and never waits for a reader: readers
// hold the lock only to pin one segment at a time, and read it outside the
// lock. What is oldest is overwritten; a slow follower is told what it missed.
package store
