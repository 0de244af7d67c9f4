namespace Attention.Positions;

/// <summary>Which two channels of a head are rotated together. Weights trained with one layout do not work with the other.</summary>
public enum RotaryLayout
{
    /// <summary>Neighbours, 2i and 2i + 1: RoFormer, GPT-J, the original LLaMA code.</summary>
    Interleaved,

    /// <summary>i and i + rotarySize / 2: GPT-NeoX, and LLaMA's weights as Hugging Face stores them.</summary>
    Half,
}
