// Package compare aligns two sets of connections, one that works and one that
// does not, by what they tried to do, and ranks what differs between them.
//
// Each connection and exchange is read as a list of facts. Facts of aligned ones
// are counted on both sides; a fact that the bad side shows clearly more often is
// a difference. One against one and forty against three hundred are the same
// work. What was not observed on a side is never compared.
package compare
