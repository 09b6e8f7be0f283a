// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// A senderRegistry remembers what it was asked. It needs an organisation.
type senderRegistry struct {
	t     *testing.T
	asked asid.Sender
}

func (r *senderRegistry) Lookup(context.Context, asid.ID) (*asid.System, error) {
	r.t.Error("asked by ASID alone")
	return nil, asid.ErrNotFound
}

func (r *senderRegistry) LookupSender(_ context.Context, s asid.Sender) (*asid.System, error) {
	r.asked = s
	if s.Organization.IsZero() {
		return nil, fmt.Errorf("cannot be asked: %w", asid.ErrNoOrganization)
	}
	return &provider, nil
}

func TestTheClaimedOrganisationGoesWithTheLookUp(t *testing.T) {
	t.Parallel()
	r := &senderRegistry{t: t}
	a := authorizer(t)
	a.Registry = r
	caller, got := judge(t, a, create())
	require.NoError(t, got.err)
	assert.Equal(t, asid.BoundByFQDN, caller.Binding)
	assert.Equal(t, asid.Sender{ASID: provider.ASID, Organization: ods("RR8"), Interaction: asid.DocumentReferenceCreate}, r.asked)
}

// A token without an organisation is the sender's fault, and to ask again is no
// use; all else that a registry fails with is not.
func TestATokenWithoutAnOrganisationIsTheSendersFault(t *testing.T) {
	t.Parallel()
	a := authorizer(t)
	a.Registry = &senderRegistry{t: t}
	for _, token := range []string{
		`{}`, `{"requesting_organization":"RR8"}`, `{"requesting_organization":"https://fhir.nhs.uk/Id/ods-organization-code|"}`,
		`{"requesting_organization":"https://fhir.nhs.uk/Id/ods-organization-code|R*"}`,
	} {
		r := create()
		r.Header.Set("Authorization", "Bearer "+jwt(unsigned, token))
		_, refused := judge(t, a, r)
		assert.Equal(t, http.StatusBadRequest, refused.status, token)
		request := requestError(t, refused.err)
		assert.Equal(t, asid.RuleToken, request.Rule)
		assert.Equal(t, "requesting_organization", request.Claim)
	}
	a.Registry = failingRegistry{asid.ErrNoOrganization}
	_, refused := judge(t, a, create())
	assert.Equal(t, http.StatusServiceUnavailable, refused.status, "the token names one")
	a.Registry = failingRegistry{errors.New("x")}
	_, refused = judge(t, a, create())
	assert.Equal(t, http.StatusServiceUnavailable, refused.status)
}

// A failingRegistry fails with its error.
type failingRegistry struct{ err error }

func (r failingRegistry) Lookup(context.Context, asid.ID) (*asid.System, error) { return nil, r.err }
