// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {IVouchCallback} from "../../src/IVouchCallback.sol";

/// @dev Keeps the hash of what it is told.
contract Listener is IVouchCallback {
    bytes32 public told;
    uint256 public gasGiven;
    uint256 public calls;

    function onScore(uint256 id, bytes32 modelId, address subject, uint64 asOf, int128[4] calldata outputs) external {
        gasGiven = gasleft();
        told = keccak256(abi.encode(msg.sender, id, modelId, subject, asOf, outputs));
        ++calls;
    }
}

/// @dev Fails in each way a callback can.
contract Saboteur is IVouchCallback {
    enum Way {
        Revert,
        Burn,
        Bomb
    }

    Way private immutable way;

    constructor(Way way_) {
        way = way_;
    }

    function onScore(uint256, bytes32, address, uint64, int128[4] calldata) external view {
        if (way == Way.Burn) while (true) {}
        uint256 size = way == Way.Bomb ? 100_000 : 0;
        assembly {
            revert(0, size)
        }
    }
}

/// @dev Burns all its gas, or nothing.
contract Moody is IVouchCallback {
    bool private burns;

    function set(bool burns_) external {
        burns = burns_;
    }

    function onScore(uint256, bytes32, address, uint64, int128[4] calldata) external view {
        if (burns) while (true) {}
    }
}

/// @dev A payee that needs most of the gas it is promised.
contract Taker {
    uint256 public got;
    uint256 public times;

    receive() external payable {
        got += msg.value;
        ++times;
    }
}

/// @dev Calls `again` on `vouch` when it is told a score and when it is paid.
contract Reentrant is IVouchCallback {
    address private immutable vouch;
    bytes private again;
    bool public succeeded;
    bytes public reason;

    constructor(address vouch_) {
        vouch = vouch_;
    }

    receive() external payable {
        attack();
    }

    function plan(bytes calldata again_) external {
        again = again_;
    }

    function run(bytes calldata data) external payable returns (bytes memory result) {
        bool done;
        (done, result) = vouch.call{value: msg.value}(data);
        require(done, "first call failed");
    }

    function onScore(uint256, bytes32, address, uint64, int128[4] calldata) external {
        attack();
    }

    function attack() private {
        bool done;
        (done, reason) = vouch.call(again);
        succeeded = succeeded || done;
    }
}
