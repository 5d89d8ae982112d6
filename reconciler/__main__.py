from .cli.arguments import main

raise SystemExit(main())
