// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
)

// A Provider is where an organisation answers an interaction.
type Provider struct {
	ASID     asid.ID
	PartyKey string
	FQDN     string // nhsMhsFQDN, the name under which the Spine knows the endpoint
	Address  string // the endpoint's URL; may be empty, or that of the Spine's intermediary
}

// A want is the question for a provider; comparable.
type want struct {
	organization asid.ODSCode
	interaction  asid.InteractionID
	host         string // of the record's URL, in lower case; empty: none
}

func (w want) String() string {
	return fmt.Sprintf("provider of %s for %s", w.organization, w.interaction)
}

// ErrNoProvider says that the directory has no endpoint of the organisation for the
// interaction.
var ErrNoProvider = errors.New("the directory has no such provider")

// Provider finds the provider of a record. The message handling systems of the
// organisation are asked for first, then the system with the same party key; where
// the organisation has none, as behind one that is shared, its systems come first
// and then the endpoint of their party key, of whatever organisation. If several are
// left, that whose FQDN is the host of record, the record's URL, is taken; record
// may be nil. The answer is for the present patient's encounter, and kept for no longer
// than Providers says.
//
// The errors are of type [*Error]; they wrap [ErrNoProvider] or [ErrAmbiguous] where
// that is the reason.
func (f *FHIR) Provider(ctx context.Context, organization asid.ODSCode, interaction asid.InteractionID, record *url.URL) (Provider, error) {
	if err := f.Validate(); err != nil {
		return Provider{}, err
	}
	if organization.IsZero() {
		return Provider{}, &Error{Detail: "no organisation is named", Err: ErrInput}
	}
	if err := checkInteraction(interaction); err != nil {
		return Provider{}, err
	}
	w := want{organization: organization, interaction: interaction}
	if record != nil {
		w.host = strings.ToLower(record.Hostname())
		if _, err := fqdn.Parse(w.host); err != nil {
			return Provider{}, &Error{Detail: "the record's URL has no host that a provider could have", Err: fmt.Errorf("%w: %w", ErrInput, err)}
		}
	}
	p, err := f.providers.get(ctx, w)
	if err == asid.ErrNotFound {
		return Provider{}, &Error{Subject: w.String(), Detail: "none is registered", Err: ErrNoProvider}
	}
	return p, err
}

func (f *FHIR) provider(ctx context.Context, w want) (Provider, error) {
	endpoints, err := f.endpoints(ctx, f.wanted(w.organization, w.interaction, ""), w.interaction, "")
	switch {
	case err == asid.ErrNotFound:
		return f.behindSharedSystem(ctx, w)
	case err != nil:
		return Provider{}, err
	}
	chosen, err := choose(endpoints, w)
	if err != nil {
		return Provider{}, err
	}
	devices, err := f.devices(ctx, f.wanted(w.organization, w.interaction, chosen.partyKey), w.interaction, chosen.partyKey)
	if err != nil {
		return Provider{}, err
	}
	return provider(devices, chosen, w)
}

// behindSharedSystem looks for systems of the organisation whose endpoint is
// another's.
func (f *FHIR) behindSharedSystem(ctx context.Context, w want) (Provider, error) {
	devices, err := f.devices(ctx, f.wanted(w.organization, w.interaction, ""), w.interaction, "")
	if err != nil {
		return Provider{}, err
	}
	var endpoints []endpoint
	asked := make(map[string]bool)
	for _, d := range devices {
		if d.partyKey == "" || asked[d.partyKey] {
			continue
		}
		asked[d.partyKey] = true
		found, err := f.endpoints(ctx, f.wanted(asid.ODSCode{}, w.interaction, d.partyKey), w.interaction, d.partyKey)
		if err != nil && err != asid.ErrNotFound {
			return Provider{}, err
		}
		endpoints = append(endpoints, found...)
	}
	if len(endpoints) == 0 {
		return Provider{}, asid.ErrNotFound
	}
	chosen, err := choose(endpoints, w)
	if err != nil {
		return Provider{}, err
	}
	devices = slices.DeleteFunc(devices, func(d device) bool { return d.partyKey != chosen.partyKey })
	return provider(devices, chosen, w)
}

// wanted returns a question about what is not empty, of the manufacturer that is
// wanted.
func (f *FHIR) wanted(organization asid.ODSCode, interaction asid.InteractionID, partyKey string) url.Values {
	v := parameters(organization, interaction, partyKey)
	if !f.Manufacturer.IsZero() {
		v.Set("manufacturing-organization", odsSystem+"|"+f.Manufacturer.String())
	}
	return v
}

func (f *FHIR) endpoints(ctx context.Context, question url.Values, interaction asid.InteractionID, partyKey string) ([]endpoint, error) {
	return confirmedAs(ctx, f, "Endpoint", question, "endpoints for "+string(interaction), func(resources []resource) ([]endpoint, []string, error) {
		return readEndpoints(resources, interaction, partyKey)
	})
}

func (f *FHIR) devices(ctx context.Context, question url.Values, interaction asid.InteractionID, partyKey string) ([]device, error) {
	return confirmedAs(ctx, f, "Device", question, "systems for "+string(interaction), func(resources []resource) ([]device, []string, error) {
		return readDevices(resources, interaction, partyKey)
	})
}

// confirmedAs returns what read makes of the confirmed answer to a question, and notes
// under a name what it dropped.
func confirmedAs[T any](ctx context.Context, f *FHIR, kind string, question url.Values, name string, read func([]resource) ([]T, []string, error)) ([]T, error) {
	var all []T
	err := f.confirmed(ctx, kind, question, func(resources []resource) (bool, error) {
		var dropped []string
		var err error
		all, dropped, err = read(resources)
		f.dropped.note(f.log(), name, dropped)
		return len(all) > 0, err
	})
	return all, err
}

// choose returns the endpoint that is meant. What counts is how many pairs of party
// key and FQDN there are: the service gives one resource for each address.
func choose(endpoints []endpoint, w want) (endpoint, error) {
	var distinct []endpoint
	seen := make(map[[2]string]bool)
	for _, e := range endpoints {
		if pair := [2]string{e.partyKey, e.fqdn}; !seen[pair] {
			seen[pair] = true
			distinct = append(distinct, e)
		}
	}
	if len(distinct) > 1 && w.host != "" {
		distinct = slices.DeleteFunc(distinct, func(e endpoint) bool { return e.fqdn != w.host })
	}
	if len(distinct) != 1 {
		return endpoint{}, &Error{Subject: w.String(), Detail: fmt.Sprintf("%d endpoints may be meant, not one", len(distinct)), Err: ErrAmbiguous}
	}
	return distinct[0], nil
}

// provider joins an endpoint and the only system of its party key.
func provider(devices []device, e endpoint, w want) (Provider, error) {
	found := Provider{PartyKey: e.partyKey, FQDN: e.fqdn, Address: e.address}
	for _, d := range devices {
		if !found.ASID.IsZero() && d.asid != found.ASID {
			return Provider{}, &Error{Subject: w.String(), Detail: "several systems may be meant", Err: ErrAmbiguous}
		}
		found.ASID = d.asid
	}
	if found.ASID.IsZero() {
		return Provider{}, asid.ErrNotFound
	}
	return found, nil
}
