// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.29;

import {requireCode} from "../src/Code.sol";
import {IVouchCallback} from "../src/IVouchCallback.sol";
import {Claim} from "../src/Instances.sol";
import {Vouch} from "../src/Vouch.sol";

/// @title IncomeDesk
/// @notice An example of private inputs: lends to who can afford it, and never learns what they earn.
/// @dev An issuer that knows the income (an employer, a bank) publishes a commitment to it, made by `vouch commit`. The borrower, who has
/// the opening, proves under that commitment that a model finds the risk of default *below* a threshold. The model's plan has
/// `disclose = { below = … }`, so its only output is 1.0 or 0: neither income nor score is seen by anybody.
/// Without the issuer the borrower would commit to any income they like. For demos: one loan each, nothing forces repayment.
contract IncomeDesk is IVouchCallback {
    struct Attested {
        /// Poseidon commitment to the private inputs.
        uint256 inputs;
        uint64 atBlock;
        bool hasBorrowed;
    }

    /// @notice What a yes of the model looks like.
    int128 public constant YES = 65_536;
    /// @notice Size of every loan.
    uint256 public constant PRINCIPAL_WEI = 0.1 ether;
    /// @notice Blocks for which an attestation counts, about half a year on Ethereum.
    uint64 public constant ATTESTED_BLOCKS = 1_300_000;
    uint32 public constant CALLBACK_GAS = 100_000;
    uint64 public constant PATIENCE_SECONDS = 1 hours;

    Vouch public immutable vouch;
    /// @notice A model with a threshold; the desk's owner has recomputed the id with `vouch model verify`.
    bytes32 public immutable modelId;
    address public immutable issuer;

    mapping(address borrower => Attested) public attestedOf;
    mapping(uint256 id => address) public borrowerOf;
    mapping(address borrower => bool) public isApproved;

    event AttestedTo(address indexed borrower, uint256 inputs);
    event Asked(address indexed borrower, uint256 indexed id);
    event Decided(address indexed borrower, bool approved);
    event Drawn(address indexed borrower);

    error NotTheIssuer(address got);
    error NotAttested(address borrower);
    /// @notice The proof is about other inputs than the issuer attested to.
    error OtherInputs(uint256 expected, uint256 got);
    error NotAffordable();
    error NotVouch(address got);
    error UnknownRequest(uint256 id);
    error NotApproved(address borrower);
    error HasBorrowed(address borrower);
    error TransferFailed(address to, uint256 amountWei);

    constructor(Vouch vouch_, bytes32 modelId_, address issuer_) payable {
        requireCode(address(vouch_));
        vouch = vouch_;
        modelId = modelId_;
        issuer = issuer_;
    }

    /// @notice The issuer says: `inputs` is a commitment to what `borrower` earns and owes. A newer one takes back what was approved.
    function attest(address borrower, uint256 inputs) external {
        if (msg.sender != issuer) revert NotTheIssuer(msg.sender);
        attestedOf[borrower].inputs = inputs;
        attestedOf[borrower].atBlock = uint64(block.number);
        delete isApproved[borrower];
        emit AttestedTo(borrower, inputs);
    }

    /// @notice Shows a proof that the caller made, with a node of their own: nobody else sees the inputs.
    function prove(uint64 asOf, Claim calldata claim, bytes calldata proof) external {
        uint256 expected = _attested(msg.sender);
        if (claim.inputs != expected) revert OtherInputs(expected, claim.inputs);
        vouch.check(modelId, msg.sender, asOf, claim, proof);
        if (claim.outputs[0] != YES) revert NotAffordable();
        isApproved[msg.sender] = true;
        emit Decided(msg.sender, true);
    }

    /// @notice Asks a node that was given the opening; `msg.value` is the fee.
    function ask(uint64 asOf) external payable returns (uint256 id) {
        uint256 inputs = _attested(msg.sender);
        uint64 deadline = uint64(block.timestamp) + PATIENCE_SECONDS;
        id = vouch.requestPrivate{value: msg.value}(
            modelId, msg.sender, asOf, address(this), CALLBACK_GAS, deadline, inputs
        );
        borrowerOf[id] = msg.sender;
        emit Asked(msg.sender, id);
    }

    /// @inheritdoc IVouchCallback
    function onScore(uint256 id, bytes32, address, uint64, int128[4] calldata outputs) external {
        if (msg.sender != address(vouch)) revert NotVouch(msg.sender);
        address borrower = borrowerOf[id];
        if (borrower == address(0)) revert UnknownRequest(id);
        delete borrowerOf[id];
        // the issuer may have attested to something else meanwhile
        uint256 expected = _attested(borrower);
        uint256 got = vouch.requestOf(id).inputs;
        if (got != expected) revert OtherInputs(expected, got);
        isApproved[borrower] = outputs[0] == YES;
        emit Decided(borrower, outputs[0] == YES);
    }

    /// @notice Pays an approved loan out to the caller.
    function draw() external {
        _attested(msg.sender);
        if (!isApproved[msg.sender]) revert NotApproved(msg.sender);
        if (attestedOf[msg.sender].hasBorrowed) revert HasBorrowed(msg.sender);
        attestedOf[msg.sender].hasBorrowed = true;
        emit Drawn(msg.sender);
        (bool sent,) = msg.sender.call{value: PRINCIPAL_WEI}("");
        if (!sent) revert TransferFailed(msg.sender, PRINCIPAL_WEI);
    }

    /// @dev The commitment that counts now.
    function _attested(address borrower) private view returns (uint256 inputs) {
        Attested memory attested = attestedOf[borrower];
        bool counts = attested.inputs != 0 && block.number <= uint256(attested.atBlock) + ATTESTED_BLOCKS;
        if (!counts) revert NotAttested(borrower);
        return attested.inputs;
    }
}
