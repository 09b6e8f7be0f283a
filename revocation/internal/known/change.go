// SPDX-License-Identifier: Apache-2.0

package known

import "github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"

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

// compare compares a list that is new with those that are not.
func (c *Change) compare(l *List, lists []*List) {
	c.New = true
	mine := l.Orders()[0]
	for _, other := range lists {
		o := other.Orders()[0]
		if o.Series != mine.Series || o.Kind != mine.Kind || o.Place != mine.Place {
			continue
		}
		c.Supersedes = c.Supersedes || mine.Supersedes(&o)
		c.Superseded = c.Superseded || o.Supersedes(&mine)
		c.Against = c.Against || l.ThisUpdate().Compare(other.ThisUpdate())*crl.CompareNumbers(l.Number(), other.Number()) < 0
	}
}
