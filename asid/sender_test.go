// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// A senderRegistry remembers what it was asked.
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
