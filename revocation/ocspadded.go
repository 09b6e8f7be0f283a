// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

const (
	maxAddedSerials   = 10_000
	maxAddedResponses = 16       // of one serial number
	maxAddedOctets    = 64 << 20 // of DER, of all
)

// addedResponses are the responses that Add was given and that have not been
// verified, by the serial numbers that they speak of.
type addedResponses struct {
	generation atomic.Uint64

	mu       sync.Mutex
	bySerial map[string][]addedResponse
	serials  map[*ocsp.Response]int // under how many serial numbers each is
	octets   int                    // of them
}

type addedResponse struct {
	response *ocsp.Response
	raw      []byte
}

// add keeps a response; it is not ok if there are too many serial numbers, too many
// revocations of one, or too many octets.
func (a *addedResponses) add(r *ocsp.Response, raw []byte, now time.Time) (ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bySerial == nil {
		a.bySerial, a.serials = map[string][]addedResponse{}, map[*ocsp.Response]int{}
	}
	if a.octets+len(raw) > maxAddedOctets {
		a.dropExpired(now)
	}
	ok = true
	for _, serial := range r.Serials() {
		list := a.bySerial[serial]
		if slices.ContainsFunc(list, func(other addedResponse) bool { return other.response.Digest() == r.Digest() }) {
			continue
		}
		if list == nil && len(a.bySerial) == maxAddedSerials {
			a.dropExpired(now)
		}
		if list == nil && len(a.bySerial) == maxAddedSerials || a.serials[r] == 0 && a.octets+len(raw) > maxAddedOctets {
			ok = false
			continue
		}
		list = append(slices.Clip(list), addedResponse{r, raw})
		a.count(addedResponse{r, raw}, 1)
		if len(list) > maxAddedResponses {
			// Their signatures are verified only when the certificate is asked about:
			// none that claims a revocation makes room, because it may be the only one
			// that is not forged.
			i := slices.IndexFunc(list, func(x addedResponse) bool {
				return !slices.ContainsFunc(list, func(y addedResponse) bool { return y.before(x, serial) })
			})
			victim := list[i]
			if victim.response.Revokes(serial) {
				victim, ok = addedResponse{r, raw}, false
			}
			list = slices.DeleteFunc(list, func(x addedResponse) bool { return x.response == victim.response })
			a.count(victim, -1)
		}
		a.bySerial[serial] = list
		a.generation.Add(1)
	}
	return ok
}

// dropExpired drops what is known of serial numbers of which nothing claims a
// revocation or is current: it is of use to Policy.MaxStale at most.
func (a *addedResponses) dropExpired(now time.Time) {
	for serial, list := range a.bySerial {
		if !slices.ContainsFunc(list, func(x addedResponse) bool { return x.response.Revokes(serial) || x.response.Lasts(serial, now) }) {
			a.drop(serial, func(addedResponse) bool { return true })
		}
	}
}

// drop drops responses about a serial number.
func (a *addedResponses) drop(serial string, which func(addedResponse) bool) {
	a.bySerial[serial] = slices.DeleteFunc(slices.Clone(a.bySerial[serial]), func(x addedResponse) bool {
		if !which(x) {
			return false
		}
		a.count(x, -1)
		return true
	})
	if len(a.bySerial[serial]) == 0 {
		delete(a.bySerial, serial)
	}
}

// count counts a response under one more serial number, or one less, and its octets
// once.
func (a *addedResponses) count(x addedResponse, serials int) {
	before := a.serials[x.response]
	switch after := before + serials; {
	case before == 0:
		a.octets += len(x.raw)
		a.serials[x.response] = after
	case after == 0:
		a.octets -= len(x.raw)
		delete(a.serials, x.response)
	default:
		a.serials[x.response] = after
	}
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
	a.drop(serial, func(x addedResponse) bool { return x.response == r })
}

// unverified returns of how many serial numbers there are responses.
func (a *addedResponses) unverified() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.bySerial)
}
