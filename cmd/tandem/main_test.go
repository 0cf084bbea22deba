package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tandem": main,
		"stuck":  stuck,
	})
}

// stuck is a program that takes signals as tandem does and then does not end:
// only a second signal can do that. It says when it is ready.
func stuck() {
	ctx, stop := interruptible(context.Background(), os.Stderr)
	defer stop()
	fmt.Println("ready")
	<-ctx.Done()
	select {}
}

// The scripts run the real command line. With UPDATE_GOLDEN=1 they rewrite the
// output that they expect; read the difference before you commit it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_GOLDEN") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"agent": startAgent,
			"code":  exitsWith,
		},
	})
}
