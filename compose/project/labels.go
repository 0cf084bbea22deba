package project

// The labels that every container of a stack carries, and that everything known
// about a stack is read from. They are kept out of Compose's config hash, so
// that a new commit of the same release changes no container.
const (
	LabelApp      = "dev.tandem.app"      // the app's name
	LabelColor    = "dev.tandem.color"    // blue, green, or ColorShared
	LabelRelease  = "dev.tandem.release"  // Release.Text; absent in the shared stack
	LabelTag      = "dev.tandem.tag"      // the tag of the release
	LabelCommit   = "dev.tandem.commit"   // the commit that brought the container up
	LabelServices = "dev.tandem.services" // the services the stack consists of: see ServiceList
	LabelRoot     = "dev.tandem.root"     // the directory its files came from, which it may have mounted
	LabelImage    = "dev.tandem.image"    // the image's digest in its registry, if it has one
	LabelConfig   = "dev.tandem.config"   // shared stack: hash of what the service is made from
	LabelPreStop  = "dev.tandem.pre_stop" // the service's pre_stop hooks, as JSON
	LabelPorts    = "dev.tandem.ports"    // the ports that tandem chose for the app's routes, as JSON: see deploy.PortTable
	LabelRestart  = "dev.tandem.restart"  // singleton: the restart policy it has while it runs

	LabelMigration = "dev.tandem.migration" // expand or contract; such a container belongs to no stack
)

// The labels of images that are built here. Containers get them from their image, and
// nothing is read from them there.
const (
	LabelBuild    = "dev.tandem.build" // what the image was made from: Build.Input
	LabelBuiltFor = "dev.tandem.built" // the app that it, or a stage of it, was built for
)

// ColorShared is what LabelColor says in the shared stack.
const ColorShared = "shared"
