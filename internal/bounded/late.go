// SPDX-License-Identifier: Apache-2.0

package bounded

import (
	"fmt"
	"reflect"
	"sync"
)

// MaxLate is how many calls of one Late may go on although their context has ended
// before no more are begun, but for the few that each callee may always have.
const MaxLate = 1000

// minLate is how many late calls a callee may have however many others have: calls that
// begin together are late together, and a thousand of one callee must not stop another.
const minLate = 16

// A Late counts calls that are waited for no more and have not returned. It leaves room
// for others: a call is begun while its callee has fewer of them for its subject than
// MaxLate leaves to the callee, or no more than a few at all. So a callee that never
// returns takes half of what the others have left, a third for one subject. It is called
// again once enough of its calls have returned, which for one that never returns is
// never: what is put in its place is another callee. The zero value counts none. It is
// safe for concurrent use and must not be copied after the first use.
type Late struct {
	mu       sync.Mutex
	all      int
	callees  map[any]int
	subjects map[Of]int
}

// Of says which calls share a fate: those of one callee, and among them those about one
// subject, which may be what makes it hang. A callee that cannot be compared, such as a
// function, counts as its type. Subject must be comparable; nil: the callee has none.
type Of struct{ Callee, Subject any }

func (o Of) comparable() Of {
	if !reflect.ValueOf(o.Callee).Comparable() {
		o.Callee = reflect.TypeOf(o.Callee)
	}
	return o
}

// room returns nil if a call may begin.
func (l *Late) room(of Of) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	callee, subject := l.callees[of.Callee], l.subjects[of]
	if callee < minLate || subject < MaxLate-l.all-callee {
		return nil
	}
	return fmt.Errorf("%d calls before it, %d of them of the same callee, have not returned although their contexts have ended", l.all, callee)
}

func (l *Late) add(of Of, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.callees == nil {
		l.callees, l.subjects = make(map[any]int), make(map[Of]int)
	}
	l.all += n
	count(l.callees, of.Callee, n)
	count(l.subjects, of, n)
}

// count holds an entry only for what is not zero: callees and subjects come and go.
func count[K comparable](counts map[K]int, key K, n int) {
	if counts[key] += n; counts[key] == 0 {
		delete(counts, key)
	}
}
