// SPDX-License-Identifier: Apache-2.0

package known

// A Change is what a list that was offered changed.
type Change struct {
	Verified   bool // it is in the set
	Stored     bool // the set has changed
	Full       bool // it is not stored: there are too many lists whose signer is not known
	New        bool // it was not before
	Supersedes bool // another list of its series
	Superseded bool // by another list of its series
	Against    bool // its number and thisUpdate run against those of another list of its series
}
