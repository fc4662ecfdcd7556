// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

type Price is uint64;

/// @dev Storage of every shape, each value another number. `shapes.json` is what solc 0.8.37 makes of it.
contract Base {
    uint8 internal first = 1;
    bool internal flag = true;
    address internal owner = address(0x0102030405060708090a0B0c0d0e0f1011121314);
    Price internal price = Price.wrap(0x11);
}

contract Shapes is Base {
    enum Side { None, Buy, Sell }
    struct Leg { uint64 size; int32 delta; Side side; uint256 cost; }
    struct Trade { uint8 kind; Leg[2] legs; mapping(bytes4 => Leg) byTag; uint128[] fills; bytes3 mark; }

    string internal title = "a title";
    uint24[5] internal small;
    uint16[3][2] internal grid;
    Leg[] internal legs;
    uint40[] internal packed;
    uint256[][] internal jagged;
    mapping(address => Trade) internal trades;
    mapping(int16 => mapping(bool => uint96)) internal signed;
    mapping(uint256 => mapping(address => mapping(bytes32 => uint32[4]))) internal deep;
    mapping(string => uint256) internal named;
    int64 internal last = -5;
    bytes internal tail;

    constructor(address a) {
        small[4] = 0x040404;
        grid[1][2] = 0x0102;
        legs.push();
        legs.push(Leg(21, -22, Side.Sell, 23));
        for (uint40 i = 0; i < 9; i++) packed.push(100 + i);
        jagged.push();
        jagged.push([uint256(31), 32, 33]);
        trades[a].kind = 41;
        trades[a].legs[1] = Leg(42, 43, Side.Buy, 44);
        trades[a].byTag[0x01020304].side = Side.Sell;
        trades[a].byTag[0x01020304].cost = 45;
        trades[a].fills.push(46);
        trades[a].fills.push(47);
        trades[a].mark = 0xabcdef;
        signed[-300][true] = 51;
        deep[7][a][bytes32(uint256(9))][3] = 61;
    }

    function load(uint256 slot) external view returns (uint256 word) {
        assembly { word := sload(slot) }
    }
}
