// SPDX-License-Identifier: Apache-2.0

package fetch

import "time"

// A State is what an operator can see of a location.
type State struct {
	URL      string    // or the Target's key
	LastLook time.Time // start of the last look that brought an answer, by this process or by one that shares its cache; zero: none
	NextLook time.Time // when Run looks next
	UnderWay time.Time // start of the attempt that is under way; zero: none is
	Err      error     // of the last attempt; nil: it brought an answer, or there was none
	Failures int       // attempts that failed since the last answer
}

// State returns the location's state.
func (at *Location) State() State {
	l := at.loader
	l.mu.Lock()
	defer l.mu.Unlock()
	return at.state()
}

func (at *Location) state() State {
	s := State{URL: at.URL(), LastLook: at.looked, NextLook: time.Unix(0, at.due.Load()), Err: at.err, Failures: at.failures}
	if at.flight != nil {
		s.UnderWay = at.flight.begun
	}
	return s
}

// State returns the states of all locations that are followed, in no order.
func (l *Loader) State() []State {
	l.mu.Lock()
	defer l.mu.Unlock()
	states := make([]State, 0, len(l.locations))
	for _, at := range l.locations {
		states = append(states, at.state())
	}
	return states
}
