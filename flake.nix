{
  description = "Record stream of Bluesky in a pipe, files, a program or NATS JetStream";

  # Rust 1.89 or newer.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      about = (builtins.fromTOML (builtins.readFile ./Cargo.toml)).package;
      systems = [
        "aarch64-darwin"
        "aarch64-linux"
        "x86_64-darwin"
        "x86_64-linux"
      ];
      forEach = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
    in
    {
      packages = forEach (pkgs: {
        default = pkgs.rustPlatform.buildRustPackage {
          pname = about.name;
          inherit (about) version;
          src = self;
          cargoLock.lockFile = ./Cargo.lock;
          buildType = "dist";
          # They need a terminal, sockets and half an hour; .ci/run has them.
          doCheck = false;
          nativeBuildInputs = [ pkgs.installShellFiles ];
          postInstall = ''
            installManPage man/*.1
            installShellCompletion --bash --name rocketman completions/rocketman.bash
            installShellCompletion --zsh completions/_rocketman
            installShellCompletion --fish completions/rocketman.fish
          '';
          meta = {
            inherit (about) description;
            homepage = about.repository;
            license = pkgs.lib.licenses.mit;
            mainProgram = about.name;
          };
        };
      });

      devShells = forEach (pkgs: {
        default = pkgs.mkShell {
          packages = with pkgs; [
            cargo
            clippy
            jq
            nats-server
            rustc
            rustfmt
            sqlite
            tmux
          ];
        };
      });
    };
}
