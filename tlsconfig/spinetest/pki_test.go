package spinetest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

func TestX(t *testing.T) {
	n := time.Now()
	pki := spinetest.NewPKI()
	fmt.Println(time.Since(n))
	defer pki.Close()
	server := pki.NewServer(pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk"), http.NotFoundHandler())
	defer server.Close()
	ssp := pki.Issue("ssp.nhs.uk")
	resp, err := server.Client(ssp).Get(server.URL)
	require.NoError(t, err)
	resp.Body.Close()
	pki.Authority.Revoke(ssp.Leaf, revocation.ReasonKeyCompromise, time.Now())
	_, err = server.Client(ssp).Get(server.URL)
	assert.Error(t, err)
}
