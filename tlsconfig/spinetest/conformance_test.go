package spinetest_test
import ("testing";"github.com/stretchr/testify/require"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)
func TestConf(t *testing.T) {
	pki := spinetest.NewPKI()
	defer pki.Close()
	cfg, err := pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk").ServerConfig()
	require.NoError(t, err)
	spinetest.RunServer(t, pki, cfg, "ssp.nhs.uk")
	cfg, err = pki.Endpoint("ssp.nhs.uk").ClientConfig()
	require.NoError(t, err)
	spinetest.RunClient(t, pki, cfg, "provider.nhs.uk")
}
