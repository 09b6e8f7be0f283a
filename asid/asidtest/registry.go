// SPDX-License-Identifier: Apache-2.0

package asidtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// TestRegistry checks that r knows each of want, with exactly what want says in
// whatever order; that it tells an unknown ASID, and none at all, by
// [asid.ErrNotFound]; that an ASID which differs by a digit is another's; that it
// hands out nothing together with an error; and that it bears being asked by many
// at once, which tells most under the race detector. It joins what r gets wrong.
func TestRegistry(r asid.Registry, want ...asid.System) error {
	t := &tester{registry: r}
	unknown := asid.MustParseID("999999999999")
	for i := 0; slices.ContainsFunc(want, func(s asid.System) bool { return s.ASID == unknown }); i++ {
		unknown = asid.MustParseID(fmt.Sprintf("%012d", i))
	}
	t.cancelled(want)
	var asking sync.WaitGroup
	for worker := range 8 {
		asking.Go(func() {
			for i := range want {
				// Each goroutine in an order of its own, so that distinct IDs are asked for
				// at once and an answer to one that is given to another is seen.
				t.known(&want[(i*7+worker)%len(want)])
			}
			t.unknown(unknown, "an unknown ASID")
			t.unknown(asid.ID{}, "the zero ID")
		})
	}
	asking.Wait()
	for i := range want[:min(len(want), 10)] {
		t.neighbours(&want[i])
	}
	return errors.Join(t.faults...)
}

type tester struct {
	registry asid.Registry

	mu     sync.Mutex
	faults []error
}

// fault notes what is wrong, once however often it was seen.
func (t *tester) fault(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	if !slices.ContainsFunc(t.faults, func(err error) bool { return err.Error() == text }) {
		t.faults = append(t.faults, errors.New(text))
	}
}

func (t *tester) known(want *asid.System) {
	got, err := t.lookup(context.Background(), want.ASID)
	switch {
	case err != nil:
		t.fault("ASID %s: look-up failed: %v", want.ASID, err)
		return
	case got == nil:
		t.fault("ASID %s: look-up gave neither a system nor an error", want.ASID)
		return
	case got.ASID != want.ASID:
		t.fault("ASID %s: look-up gave the system of ASID %s", want.ASID, got.ASID)
	}
	if !same(got.ODS, want.ODS, asid.ODSCode.String) {
		t.fault("ASID %s: ODS codes are %v, not %v", want.ASID, got.ODS, want.ODS)
	}
	if !same(got.FQDNs, want.FQDNs, strings.ToLower) {
		t.fault("ASID %s: FQDNs are %v, not %v", want.ASID, got.FQDNs, want.FQDNs)
	}
	if !same(got.Interactions, want.Interactions, func(id asid.InteractionID) string { return string(id) }) {
		t.fault("ASID %s: interactions are %v, not %v", want.ASID, got.Interactions, want.Interactions)
	}
}

// lookup asks the registry; a panic is an error, and a fault.
func (t *tester) lookup(ctx context.Context, id asid.ID) (s *asid.System, err error) {
	defer func() {
		if p := recover(); p != nil {
			t.fault("look-up panicked: %v", p)
			s, err = nil, errPanic
		}
	}()
	return t.registry.Lookup(ctx, id)
}

var errPanic = errors.New("panic")

// neighbours asks for ASIDs that differ by one digit. They may be systems of their
// own, but not this one.
func (t *tester) neighbours(want *asid.System) {
	digits := want.ASID.String()
	for i := range digits {
		other := []byte(digits)
		other[i] = '0' + (digits[i]-'0'+1)%10
		id, err := asid.ParseTestID(string(other))
		if err != nil {
			continue
		}
		got, err := t.lookup(context.Background(), id)
		switch {
		case err == nil && (got == nil || got.ASID != id):
			t.fault("ASID %s: look-up gave another's system", id)
		case err != nil && got != nil:
			t.fault("ASID %s: look-up gave a system together with an error", id)
		}
	}
}

// cancelled asks with a context that has ended: a registry may answer all the
// same, but then rightly, and must not tell that an ASID is unknown that it knows.
func (t *tester) cancelled(want []asid.System) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for i := range want {
		got, err := t.lookup(ctx, want[i].ASID)
		switch {
		case err == nil && (got == nil || got.ASID != want[i].ASID):
			t.fault("ASID %s: look-up with a cancelled context gave another system", want[i].ASID)
		case errors.Is(err, asid.ErrNotFound):
			t.fault("ASID %s: look-up with a cancelled context gave asid.ErrNotFound", want[i].ASID)
		case err != nil && got != nil:
			t.fault("ASID %s: look-up with a cancelled context gave a system together with an error", want[i].ASID)
		}
	}
}

func (t *tester) unknown(id asid.ID, what string) {
	got, err := t.lookup(context.Background(), id)
	switch {
	case err == nil:
		t.fault("look-up of %s did not fail", what)
	case !errors.Is(err, asid.ErrNotFound):
		t.fault("look-up of %s failed with an error that is not asid.ErrNotFound: %v", what, err)
	}
	if got != nil {
		t.fault("look-up of %s gave a system", what)
	}
}

// same compares two lists without regard to their order.
func same[T any](a, b []T, key func(T) string) bool {
	return slices.Equal(sorted(a, key), sorted(b, key))
}

func sorted[T any](list []T, key func(T) string) []string {
	keys := make([]string, len(list))
	for i, v := range list {
		keys[i] = key(v)
	}
	slices.SortFunc(keys, cmp.Compare[string])
	return keys
}
