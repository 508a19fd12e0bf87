// Package rules holds the causes Fanlight knows, one file per cause.
package rules
