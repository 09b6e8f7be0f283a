// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

const (
	maxAddedSerials   = 10_000
	maxAddedResponses = 16 // of one serial number
)

// addedResponses are the responses that Add was given and that have not been
// verified, by the serial numbers that they speak of.
type addedResponses struct {
	generation atomic.Uint64

	mu       sync.Mutex
	bySerial map[string][]addedResponse
}

type addedResponse struct {
	response *ocsp.Response
	raw      []byte
}

// add keeps a response; it is not ok if there are too many serial numbers, or too
// many revocations of one.
func (a *addedResponses) add(r *ocsp.Response, raw []byte, now time.Time) (ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bySerial == nil {
		a.bySerial = map[string][]addedResponse{}
	}
	ok = true
	for _, serial := range r.Serials() {
		list := a.bySerial[serial]
		if slices.ContainsFunc(list, func(other addedResponse) bool { return other.response.Digest() == r.Digest() }) {
			continue
		}
		if list == nil && len(a.bySerial) == maxAddedSerials {
			// What has run out is of use to Policy.MaxStale at most.
			maps.DeleteFunc(a.bySerial, func(serial string, list []addedResponse) bool {
				return !slices.ContainsFunc(list, func(r addedResponse) bool { return r.response.Revokes(serial) || r.response.Lasts(serial, now) })
			})
			if len(a.bySerial) == maxAddedSerials {
				ok = false
				continue
			}
		}
		list = append(slices.Clip(list), addedResponse{r, raw})
		if len(list) > maxAddedResponses {
			// Their signatures are verified only when the certificate is asked about:
			// none that claims a revocation makes room, because it may be the only one
			// that is not forged.
			victim := slices.IndexFunc(list, func(x addedResponse) bool {
				return !slices.ContainsFunc(list, func(y addedResponse) bool { return y.before(x, serial) })
			})
			if list[victim].response.Revokes(serial) {
				ok = false
				continue
			}
			list = slices.Delete(list, victim, victim+1)
		}
		a.bySerial[serial] = list
		a.generation.Add(1)
	}
	return ok
}

// before reports whether x is dropped before y: what does not revoke before what
// does, the earlier before the later.
func (x addedResponse) before(y addedResponse, serial string) bool {
	if a, b := x.response.Revokes(serial), y.response.Revokes(serial); a != b {
		return b
	}
	if order := x.response.Latest(serial).Compare(y.response.Latest(serial)); order != 0 {
		return order < 0
	}
	a, b := x.response.Digest(), y.response.Digest()
	return bytes.Compare(a[:], b[:]) < 0
}

// about returns the responses that speak of a serial number.
func (a *addedResponses) about(serial string) []addedResponse {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.bySerial[serial])
}

// verified lets go of a response about a serial number that is in the set.
func (a *addedResponses) verified(serial string, r *ocsp.Response) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(a.bySerial[serial]), func(other addedResponse) bool { return other.response == r })
	if a.bySerial[serial] = list; len(list) == 0 {
		delete(a.bySerial, serial)
	}
}

// count returns of how many serial numbers there are responses.
func (a *addedResponses) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.bySerial)
}
