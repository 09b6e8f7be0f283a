// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// A CRLs keeps a thousand lists of an issuer whose signer it does not know yet. A file
// that holds more stays as it is when a Keeper finds it during an outage.
func TestFileOfAThousandListsIsKnownAfterARestart(t *testing.T) {
	if testing.Short() {
		t.Skip("signs a thousand lists")
	}
	t.Parallel()
	e := newEstate(t, rootList(), subCAList())
	lists := []revocationtest.CRL{subCAList(), rootList()}
	for i := range 1001 {
		lists = append(lists, batch(subCAList(), fmt.Sprintf("http://crl.nhs.uk/%d.crl", i)))
	}
	before := inPEM(lists...)
	require.NoError(t, os.WriteFile(e.file, before, 0o644))
	e.crls = &revocation.CRLs{KeepDER: true}
	e.keeper = &terminator.Keeper{CRLs: e.crls, Pins: e.pki.Pins(), Program: terminator.Nginx, File: e.file, Logger: e.keeper.Logger}
	require.NoError(t, e.once(t))
	assert.Len(t, e.contents(t), len(lists))
	assert.Empty(t, e.keeper.State().Problems)
}
